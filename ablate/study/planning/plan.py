"""The plan of a study: its variants, each counted and each of its trials keyed. plan.json is this, written down."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablate.data import DATASETS
from ablate.errors import ResultsError, UnknownName
from ablate.lookup import lookup
from ablate.records import stored_plan
from ablate.study.planning.keys import keys_of
from ablate.study.planning.match import Matched
from ablate.study.planning.searched import Searched, outgrown
from ablate.study.planning.stated import Statement
from ablate.study.planning.variants import Variant, images_of
from ablate.study.reading.claims import claims_json
from ablate.study.reading.load import Study
from ablate.train import TRAINING_VERSION

FORMAT = 1


@dataclass(frozen=True)
class Planned:
    """A variant with what was counted of it (see models/survey.py) and the key of every seed as planned."""

    variant: Variant
    survey: dict[str, Any]
    data_digest: str | None
    keys: dict[int, str]

    @property
    def params(self) -> int:
        return int(self.survey["params"])

    @property
    def macs(self) -> int:
        return int(self.survey["macs"])

    def with_seeds(self, seeds: Sequence[int]) -> "Planned":
        """The same with the keys of `seeds`; without training there are none."""
        if self.data_digest is None:
            return self
        return replace(self, keys=keys_of(self.variant, self.data_digest, seeds))


@dataclass(frozen=True)
class Plan:
    """A study ready to run; `baseline` is the name of a variant, `stated` what it sets out to ask, oldest first,
    `matched` how its widths were settled, `searched` what a search has found."""

    study: Study
    baseline: str
    precision: str
    variants: tuple[Planned, ...]
    data_digests: dict[str, str]
    stated: tuple[Statement, ...]
    matched: Matched | None = None
    searched: Searched | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds planned so far, alike for every variant, in the order they run."""
        return tuple(self.variants[0].keys)

    @property
    def trials(self) -> dict[str, tuple[Planned, int]]:
        """Key -> variant and seed of every distinct trial, seed by seed; one that is shared belongs to the first."""
        owners: dict[str, tuple[Planned, int]] = {}
        for seed in self.seeds:
            for planned in self.variants:
                owners.setdefault(planned.keys[seed], (planned, seed))
        return owners

    @property
    def most_trials(self) -> int:
        """How many trials there may be at once, in whichever phase: a search has more than what is planned by then."""
        search = self.study.config.search
        return max(len(self.trials), 0 if search is None else search.trials)

    @property
    def is_searching(self) -> bool:
        """Whether its variants are still looked for."""
        return self.study.config.search is not None and self.searched is None

    def named(self, only: Sequence[str]) -> list[Planned]:
        """The variants that `only` names, all if it names none; raises `UnknownName` for one that is not there."""
        by_name = {planned.variant.name: planned for planned in self.variants}
        for name in only:
            if name not in by_name and self.is_searching:
                raise UnknownName(f"--only {name}: a search finds its variants first; run it without --only")
        return [lookup(by_name, name, "variant") for name in only] or list(self.variants)

    def with_seeds(self, seeds: Sequence[int]) -> "Plan":
        """The same with every variant planned for `seeds`."""
        return replace(self, variants=tuple(planned.with_seeds(seeds) for planned in self.variants))

    def as_json(self) -> dict[str, Any]:
        """plan.json."""
        return {
            "format": FORMAT,
            "training_version": TRAINING_VERSION,
            "precision": self.precision,
            "source": _shown(self.study.source),
            "overrides": [change for change in self.study.overrides if not change.startswith("data.root=")],
            "study": study_json(self.study),
            "factors": [{"path": factor.path_or_name, "column": factor.column} for factor in self.study.factors],
            "baseline": self.baseline,
            "stated": list(self.stated),
            **({} if self.matched is None else {"matched": self.matched}),
            **({} if self.searched is None else {"searched": self.searched}),
            "variants": [_variant_json(planned) for planned in self.variants],
        }


def check_unchanged(plan: Plan, folder: Path) -> None:
    """Raise `ResultsError` when `folder` holds another study than `plan` under its name.

    New levels, seeds and metrics are welcome, and so is a search that goes further, whatever it finds then; whatever
    else was planned before must be planned alike now.
    """
    stored = stored_plan(folder)
    if stored is None or stored["study"]["design"] == plan.study.config.design == "count":
        return  # counts are taken anew in seconds, so there is nothing to protect
    now = {planned.variant.name: planned for planned in plan.variants}
    for before in stored["variants"]:
        difference = _difference(before, now.get(before["variant"]), stored, plan)
        if difference:
            raise ResultsError(
                f"{folder}: holds results of another study called {plan.study.config.name!r}: {difference}; "
                "give this one another name, or another folder with --results"
            )
    if stored["baseline"] != plan.baseline and plan.study.factors:
        raise ResultsError(
            f"{folder}: its baseline is {stored['baseline']!r}, not {plan.baseline!r}; "
            "to read the same results against another one, use ablate report --baseline"
        )


def _difference(before: dict[str, Any], now: Planned | None, stored: dict[str, Any], plan: Plan) -> str:
    """In what `now` is not what was planned `before`, in the plan `stored`; empty when it is."""
    if now is not None:
        return _stated_otherwise(before, now) or _tuned_otherwise(before, now) or _keyed_otherwise(before, now, stored)
    if "searched" in stored and plan.searched is None:
        return outgrown(plan.study, stored)
    return f"it has the variant {before['variant']!r}, this one has not"


def _stated_otherwise(before: dict[str, Any], planned: Planned) -> str:
    now, chosen = _variant_json(planned), planned.variant.tuned
    tuned = [each["values"] for each in (before.get("tuned"), chosen) if each is not None]
    left_out = {"train.seed_offset", *(path for values in tuned for path in values)}
    for section in ("model", "data", "train"):
        was, has = without(before[section], section, left_out), without(now[section], section, left_out)
        for field in dict.fromkeys((*was, *has)):
            if was.get(field) != has.get(field):
                return f"{section}.{field} was {was.get(field)!r} and is {has.get(field)!r}"
    offset_before, offset = _seed_offset(before), planned.variant.seed_offset
    return "" if offset_before == offset else f"train.seed_offset was {offset_before} and is {offset}"


def _tuned_otherwise(before: dict[str, Any], planned: Planned) -> str:
    name, variant = before["variant"], planned.variant
    is_to_be_tuned = bool(variant.awaits) or variant.tuned is not None
    if "tuned" in before and not is_to_be_tuned:
        return f"variant {name} was tuned and is now to train as it is stated"
    if "tuned" in before and variant.tuned is None:
        return f"variant {name} was tuned under other conditions, such as other ranges"
    if is_to_be_tuned and not {"tuned", "awaits"} & before.keys():
        return f"variant {name} was to train as it is stated and is now to be tuned"
    return ""


def _keyed_otherwise(before: dict[str, Any], planned: Planned, stored: dict[str, Any]) -> str:
    keys = {str(seed): key for seed, key in planned.keys.items()}
    gone = sorted(set(before["keys"]) - set(keys), key=int)
    if gone:
        return f"it has seed {gone[0]}, this one has not"
    if "awaits" in before or before["keys"] == {seed: keys[seed] for seed in before["keys"]}:
        return ""
    if stored["training_version"] != TRAINING_VERSION:
        return f"its trials were trained by version {stored['training_version']}, this is {TRAINING_VERSION}"
    return "another version of this program has planned it, and keyed its trials otherwise"


def without(stored: Mapping[str, Any], section: str, left_out: Collection[str]) -> dict[str, Any]:
    """A section of a variant of plan.json less the paths in `left_out`; a builder's arguments are among its fields."""
    kept = {name: value for name, value in stored.items() if f"{section}.{name}" not in left_out}
    if "arguments" not in kept:
        return kept
    return {**kept, "arguments": without(kept["arguments"], section, left_out)}


def _data_json(planned: Planned) -> dict[str, Any]:
    """What is stated of the data, but for the folder, which is this machine's own, and the images that makes."""
    data = planned.variant.data
    if data is None or planned.data_digest is None:
        return {}
    info = DATASETS[data.name].describe(data)
    stated = data.model_dump(mode="json", exclude={"root"}, exclude_none=True)
    images = {"train_images": images_of(data, info), "test_images": info.test_images}
    return {**stated, **images, "digest": planned.data_digest}


def _shown(source: Path) -> str:
    """The study file as one would type it from where the run began; outside of that folder only its name, since
    plan.json is made to be shared."""
    resolved, here = source.resolve(), Path.cwd()
    return resolved.relative_to(here).as_posix() if resolved.is_relative_to(here) else source.name


def study_json(study: Study) -> dict[str, Any]:
    """The study file as resolved; the levels that claims name are given by their names, factor by factor."""
    stated = study.config.model_dump(mode="json", exclude={"data": {"root"}})
    return {**stated, "claims": claims_json(study.claims)}


def _variant_json(planned: Planned) -> dict[str, Any]:
    variant = planned.variant
    return {
        "variant": variant.name,
        "levels": variant.levels,
        **({"also": list(variant.also)} if variant.also else {}),
        "model": variant.model.as_json(),
        "data": _data_json(planned),
        "train": _train_json(variant),
        "steps": variant.steps,
        **({"awaits": variant.awaits} if variant.awaits else {}),
        **({"tuned": variant.tuned} if variant.tuned is not None else {}),
        **planned.survey,
        "keys": {str(seed): key for seed, key in planned.keys.items()},
    }


def _train_json(variant: Variant) -> dict[str, Any]:
    if variant.train is None:
        return {}
    stated = variant.train.model_copy(update={"seed_offset": variant.seed_offset})
    return stated.model_dump(mode="json", exclude_none=True)


def _seed_offset(stored: Mapping[str, Any]) -> int:
    """Of a variant of plan.json, which holds it where it is not 0."""
    return int(stored["train"]["seed_offset"]) if "seed_offset" in stored["train"] else 0
