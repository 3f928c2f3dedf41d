"""From a study to its plan: every variant counted, every trial keyed. plan.json is this, written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ablate.data import DATASETS
from ablate.environment import has_bf16_cpu
from ablate.errors import ResultsError
from ablate.lookup import load_dotted
from ablate.records import digest, finished_keys, stored_plan
from ablate.schema import DataConfig, SeedBlocks
from ablate.study.budget import budgeted
from ablate.study.claims import claims_json
from ablate.study.devices import Whereabouts, settle_devices
from ablate.study.keys import keys_of
from ablate.study.load import Study
from ablate.study.match import Matched, match
from ablate.study.probe import release
from ablate.study.searching import Searched, searched
from ablate.study.stated import Statement, statements_of, with_statement
from ablate.study.surveys import survey_variants
from ablate.study.tuning import Chosen, settled, tuned_before, with_values
from ablate.study.variants import Variant, baseline_of, images_of, variants_of
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

    def with_seeds(self, seeds: Sequence[int]) -> "Plan":
        """The same with every variant planned for `seeds`."""
        return replace(self, variants=tuple(_with_seeds(planned, seeds) for planned in self.variants))

    def as_json(self) -> dict[str, Any]:
        """plan.json."""
        return {
            "format": FORMAT,
            "training_version": TRAINING_VERSION,
            "precision": self.precision,
            "source": _shown(self.study.source),
            "overrides": [change for change in self.study.overrides if not change.startswith("data.root=")],
            "study": _study_json(self.study),
            "factors": [{"path": factor.path_or_name, "column": factor.column} for factor in self.study.factors],
            "baseline": self.baseline,
            "stated": list(self.stated),
            **({} if self.matched is None else {"matched": self.matched}),
            **({} if self.searched is None else {"searched": self.searched}),
            "variants": [_variant_json(planned) for planned in self.variants],
        }


def plan_study(study: Study, folder: Path, device: str, whereabouts: Whereabouts = "here") -> Plan:
    """Resolve, count and key every trial of `study`.

    What an earlier run in `folder` settled (precision, counts, blocks of seeds) is read back, so that a finished study
    needs no torch, and `device`, as `settle_devices` takes it, is not looked at. Raises `StudyError`, `ModelError` or
    `DataError` for a variant that cannot be.
    """
    stored = stored_plan(folder) or {"variants": []}
    study, found = searched(study, stored.get("searched"))
    precision = stored.get("precision") or _precision(settle_devices(device, whereabouts)[0])
    stated = [_with_precision(variant, precision) for variant in variants_of(study)]
    variants, matched = match(study, stated, stored.get("matched"))
    surveys = survey_variants(study, variants, stored["variants"])
    release()
    macs = {variant.name: int(survey["macs"]) for variant, survey in zip(variants, surveys, strict=True)}
    variants = budgeted(study, variants, macs)
    trained_on = dict.fromkeys(each.data for each in variants if each.train is not None and each.data is not None)
    digests = {data: DATASETS[data.name].digest(data) for data in trained_on}
    variants = settled(study, variants, digests, tuned_before(stored["variants"]))
    planned = tuple(
        _with_seeds(Planned(variant, survey, _digest_of(variant, digests), {}), _seeds(study, stored))
        for variant, survey in zip(variants, surveys, strict=True)
    )
    plan = Plan(study, baseline_of(study), precision, planned, _labelled(digests), (), matched, found)
    finished = len(finished_keys(folder) & plan.trials.keys())
    return replace(plan, stated=with_statement(statements_of(stored), _study_json(study), finished))


def with_tuned(plan: Plan, chosen: Mapping[str, Chosen]) -> Plan:
    """`plan` with what tunings have `chosen`, by what the variants await."""
    known = [planned.variant for planned in plan.variants if planned.variant.awaits in chosen]
    found = {variant.name: with_values(variant, chosen[variant.awaits]["values"]) for variant in known}
    ready = {name: replace(variant, awaits="", tuned=chosen[variant.awaits]) for name, variant in found.items()}
    variants = (
        _with_seeds(replace(planned, variant=ready[planned.variant.name]), plan.seeds)
        if planned.variant.name in ready
        else planned
        for planned in plan.variants
    )
    return replace(plan, variants=tuple(variants))


def prepared(plan: Plan, variant: Variant) -> tuple[Variant, dict[str, int], str]:
    """A variant of the study of `plan` as it trains, its exact counts, and the digest of its data."""
    variant = _with_precision(variant, plan.precision)
    (survey,) = survey_variants(plan.study, [variant], [])
    assert variant.data is not None
    counts = {name: int(survey[name]) for name in ("params", "macs")}
    return variant, counts, DATASETS[variant.data.name].digest(variant.data)


def check_unchanged(plan: Plan, folder: Path) -> None:
    """Raise `ResultsError` when `folder` holds another study than `plan` under its name.

    New levels, seeds and metrics are welcome; whatever was planned before must be planned alike now.
    """
    stored = stored_plan(folder)
    if stored is None or stored["study"]["design"] == plan.study.config.design == "count":
        return  # counts are taken anew in seconds, so there is nothing to protect
    now = {planned.variant.name: planned for planned in plan.variants}
    for before in stored["variants"]:
        difference = _difference(before, now.get(before["variant"]), stored)
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


def _difference(before: dict[str, Any], planned: Planned | None, stored: dict[str, Any]) -> str:
    """In what `planned` is not what was planned `before`; empty when it is."""
    if planned is None:
        return f"it has the variant {before['variant']!r}, this one has not"
    now = _variant_json(planned)
    if "tuned" in before and "tuned" not in now:
        return f"variant {before['variant']} was tuned under other conditions, such as other ranges"
    tuned = planned.variant.tuned["values"] if "awaits" in before and planned.variant.tuned is not None else {}
    for section in ("model", "data", "train"):
        for field, value in before[section].items():
            if f"{section}.{field}" in tuned:
                continue
            if now[section].get(field) != value:
                return f"{section}.{field} was {value!r} and is {now[section].get(field)!r}"
    offset_before, offset = _seed_offset(before), planned.variant.seed_offset
    if offset_before != offset:
        return f"train.seed_offset was {offset_before} and is {offset}"
    gone = sorted(set(before["keys"]) - set(now["keys"]), key=int)
    if gone:
        return f"it has seed {gone[0]}, this one has not"
    if "awaits" in before:
        return ""
    if before["keys"] != {seed: now["keys"][seed] for seed in before["keys"]}:
        return f"its trials were trained by version {stored['training_version']}, this is {TRAINING_VERSION}"
    return ""


def _precision(device: str) -> Literal["fp32", "bf16"]:
    """What `precision: auto` means on `device`, decided once a study: bf16 where the hardware multiplies it itself."""
    supported = has_bf16_cpu() if device == "cpu" else load_dotted("torch.cuda:is_bf16_supported")()
    return "bf16" if supported else "fp32"


def _with_precision(variant: Variant, precision: str) -> Variant:
    if variant.train is None or variant.train.precision != "auto":
        return variant
    return replace(variant, train=variant.train.model_copy(update={"precision": precision}))


def _digest_of(variant: Variant, digests: Mapping[DataConfig, str]) -> str | None:
    return None if variant.train is None or variant.data is None else digests[variant.data]


def _labelled(digests: Mapping[DataConfig, str]) -> dict[str, str]:
    """The digests by the names of their sets; of several sets of one name each has its settings' digest beside it."""
    names = [data.name for data in digests]
    settings = {data: digest(data.model_dump(mode="json", exclude={"root"}))[:8] for data in digests}
    labels = {data: data.name if names.count(data.name) == 1 else f"{data.name} {settings[data]}" for data in digests}
    return {labels[data]: found for data, found in digests.items()}


def _with_seeds(planned: Planned, seeds: Sequence[int]) -> Planned:
    if planned.data_digest is None:
        return planned
    return replace(planned, keys=keys_of(planned.variant, planned.data_digest, seeds))


def _seeds(study: Study, stored: Mapping[str, Any]) -> Sequence[int]:
    """The seeds to begin with: of blocks the first, and whatever was planned before, since that is never taken back."""
    first = study.config.seed_list
    if not isinstance(study.config.seeds, SeedBlocks):
        return first
    planned = sorted({int(seed) for variant in stored["variants"] for seed in variant["keys"]})
    counted = planned == list(range(len(planned)))
    return range(max(len(first), len(planned))) if counted else first


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


def _study_json(study: Study) -> dict[str, Any]:
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
