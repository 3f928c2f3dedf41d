"""A search: combinations of levels and values, proposed one after another and tried on images held out.

A combination is proposed from what those more than `WINDOW` places before it were worth, however many workers there
are and whatever was killed meanwhile; so the same search tries the same combinations. What it finds are the
combinations that no other beats in everything. Its own numbers are too good, being the best of many, so that these run
again over all seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ablate.errors import AblateError
from ablate.lookup import load_dotted
from ablate.measure import DIRECTIONS
from ablate.models.resolve import resolve
from ablate.models.spec import ModelSpec
from ablate.randomness import seed_of
from ablate.records import digest, failure_path, load_record
from ablate.schema import WHOLE, constraint_of
from ablate.study.agenda import Job, job_of
from ablate.study.factors import level_name
from ablate.study.keys import key_of
from ablate.study.levels import Factor, Level
from ablate.study.load import Study
from ablate.study.tuning import FIRST_SEED, VALIDATION
from ablate.study.variants import Variant, variant_at
from ablate.train import TRAINING_VERSION

EXPLORER = "ablate.study.search:Explorer"
WINDOW = 4  # combinations that are tried without knowing of each other
MOST_INFEASIBLE = 20  # times as many as are trained; more say that hardly anything is allowed
ROW = "search"  # what its trials are called in the table of progress

Searched = dict[str, Any]
"""What plan.json keeps of a search; see `Search.found`."""


def searched(study: Study, stored: Searched | None) -> tuple[Study, Searched | None]:
    """`study` with what it looks for as factors, and its variants the baseline and what `stored` has found.

    What belongs to another search is not taken over; then, as before one, there is the baseline alone.
    """
    search = study.config.search
    if search is None:
        return study, None
    known = stored if stored is not None and stored["digest"] == identity(study) else None
    stated = {_column(path): level_name(_stated(study, path)) for path in search.fields}
    base = {**{factor.column: study.baseline_levels[factor.column] for factor in _stated_factors(study)}, **stated}
    points = [base, *(() if known is None else known["front"])]
    factors = (*_stated_factors(study), *(_factor(path, points) for path in search.fields))
    values = {path: [float(point[_column(path)]) for point in points] for path in search.fields}
    config = study.config.model_copy(update={"factors": {**_stated_levels(study), **values}})
    distinct = tuple({tuple(point.items()): point for point in points}.values())
    return replace(study, config=config, factors=factors, baseline_levels=base, points=distinct), known


def _stated_factors(study: Study) -> list[Factor]:
    """The factors of the study file, which a search joins its fields to."""
    fields = study.config.search.fields if study.config.search else {}
    return [factor for factor in study.factors if factor.path_or_name not in fields]


def _stated_levels(study: Study) -> dict[str, Any]:
    return {factor.path_or_name: study.config.factors[factor.path_or_name] for factor in _stated_factors(study)}


def identity(study: Study) -> str:
    """Of everything that a search depends on, but for the folder of its data."""
    stated = study.config.model_dump(mode="json", include={"model", "data", "train", "search"})
    stated["data"].pop("root", None)
    return digest({**stated, "factors": _stated_levels(study), "training_version": TRAINING_VERSION})


Prepared = Callable[[Variant], tuple[Variant, Mapping[str, int], str]]
"""A variant as it trains, its counts by metric, and the digest of its data."""


@dataclass(frozen=True)
class _Tried:
    """One combination that is trained: its levels, what it costs, its job."""

    number: int
    levels: dict[str, str]
    counts: Mapping[str, int]
    job: Job


class Search:
    """The search of a study: what was tried so far, by the records in `folder`, and what is next.

    `prepared` makes of a variant the one that trains, with its counts and the digest of its data. A trial that failed
    for good was tried like any other.
    """

    def __init__(self, study: Study, folder: Path, prepared: Prepared) -> None:
        assert study.config.search is not None
        self._study, self._folder, self._prepared = study, folder, prepared
        self._config = study.config.search
        self._identity = identity(study)
        self._explorer = load_dotted(EXPLORER)(
            {factor.column: [level.name for level in factor.levels] for factor in _stated_factors(study)},
            {_column(path): spanned for path, spanned in self._config.fields.items()},
            [_column(path) for path in self._config.fields if path in WHOLE],
            ["maximize" if DIRECTIONS[name] == "higher" else "minimize" for name in self._config.objectives],
            self._config.sampler,
            seed_of("search", self._identity) % 2**32,
        )
        self._asked = 0
        self._tried: list[_Tried] = []
        self._told = 0
        self._rows: list[dict[str, Any]] = []

    def next_jobs(self) -> list[Job]:
        """What can begin now and was not named before; called at the start and whenever a trial has ended."""
        jobs: list[Job] = []
        while True:
            while self._may_ask():
                tried = self._ask()
                if tried is not None:
                    self._tried.append(tried)
                    jobs += [tried.job] if self._outcome(tried) is None else []
            if self._told == len(self._tried) or (outcome := self._outcome(self._tried[self._told])) is None:
                return jobs
            self._tell(self._tried[self._told], outcome)
            self._told += 1

    @property
    def is_over(self) -> bool:
        """Whether every combination has ended."""
        return self._told == len(self._tried) and not self._may_ask()

    def found(self) -> Searched:
        """The combinations that run over all seeds, and all that were tried."""
        return {"digest": self._identity, "front": self._front(), "trials": self._rows}

    def _may_ask(self) -> bool:
        within = self._asked < MOST_INFEASIBLE * self._config.trials
        return within and len(self._tried) < self._config.trials and len(self._tried) - self._told < WINDOW

    def _ask(self) -> _Tried | None:
        """The next combination, None where it is not allowed, which is told at once."""
        values = self._explorer.ask()
        number, self._asked = self._asked, self._asked + 1
        levels = [self._level(factor, values[factor.column]) for factor in self._study.factors]
        named = {factor.column: level.name for factor, level in zip(self._study.factors, levels, strict=True)}
        try:
            variant, counts, data_digest = self._prepared(variant_at(self._study, levels))
        except AblateError:  # a network that cannot be is one that is not allowed
            self._explorer.tell(number, None, ())
            self._rows.append({"levels": named, "state": "infeasible", "values": {}})
            return None
        excess = self._excess(counts)
        if any(each > 0 for each in excess):
            worst = [0.0 if name == "accuracy" else float(counts.get(name, 1e9)) for name in self._config.objectives]
            self._explorer.tell(number, worst, excess)
            self._rows.append({"levels": named, "state": "infeasible", "values": dict(counts)})
            return None
        assert variant.data is not None
        seed = FIRST_SEED + len(self._tried)
        held_out = variant.data.model_copy(update={"validation": variant.data.validation or VALIDATION})
        rehearsed = replace(variant, data=held_out)
        key = key_of(rehearsed, data_digest, seed, scored="validation", stop_above=[])
        job = replace(job_of(rehearsed, data_digest, key, seed, seed), variant=ROW)
        self._rows.append({"levels": named, "state": "failed", "values": dict(counts), "key": key})
        return _Tried(number, named, counts, replace(job, task={**job.task, "stop_above": []}))

    def _level(self, factor: Factor, value: Any) -> Level:
        if factor.path_or_name in self._config.fields:
            return Level(level_name(value), value, {factor.path_or_name: value})
        return next(level for level in factor.levels if level.name == value)

    def _excess(self, counts: Mapping[str, int]) -> list[float]:
        constraints = [constraint_of(text) for text in self._config.constraints]
        return [each.excess(counts[each.count]) / each.bound for each in constraints]

    def _outcome(self, tried: _Tried) -> dict[str, Any] | None:
        """State and values of an ended trial; None while it has not."""
        record = load_record(self._folder, tried.job.key)
        if record is not None:
            return {"state": record.state, "values": {**tried.counts, **_scores(record.metrics)}}
        if failure_path(self._folder, tried.job.key).exists():
            return {"state": "failed", "values": dict(tried.counts)}
        return None

    def _tell(self, tried: _Tried, outcome: Mapping[str, Any]) -> None:
        values = outcome["values"]
        is_whole = outcome["state"] == "complete"
        objectives = [values[name] for name in self._config.objectives] if is_whole else None
        self._explorer.tell(tried.number, objectives, self._excess(tried.counts))
        row = next(row for row in self._rows if row.get("key") == tried.job.key)
        row.update({"state": outcome["state"], "values": values})

    def _front(self) -> list[dict[str, str]]:
        """At most as many combinations of the front as are asked for, spread evenly along its first objective."""
        tried = {each.number: each for each in self._tried}
        best = [tried[number] for number in self._explorer.best() if number in tried]
        values = {row["key"]: row["values"] for row in self._rows if "key" in row}
        first = self._config.objectives[0]
        ordered = sorted(best, key=lambda each: (values[each.job.key][first], each.number))
        distinct = list({tuple(each.levels.items()): each.levels for each in ordered}.values())
        places = np.linspace(0, len(distinct) - 1, min(self._config.front, len(distinct))).round().astype(int)
        return [distinct[place] for place in dict.fromkeys(places.tolist())]


def _scores(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: metrics[name] for name in ("accuracy", "test_loss")}


def _column(path: str) -> str:
    return path.rpartition(".")[2]


def _stated(study: Study, path: str) -> Any:
    """The value that the base configuration has of a field, be it the preset's own."""
    section, _, field = path.partition(".")
    if section == "train":
        return getattr(study.config.train, field)
    model = study.config.model
    spec = resolve(model.preset, model.model_dump(exclude_none=True, exclude={"preset"}))  # type: ignore[union-attr]
    assert isinstance(spec, ModelSpec)
    return getattr(spec, field)


def _factor(path: str, points: Sequence[Mapping[str, str]]) -> Factor:
    """The factor of a searched field, with the values that `points` have of it."""
    names = dict.fromkeys(point[_column(path)] for point in points)
    values = {name: int(name) if path in WHOLE else float(name) for name in names}
    return Factor(path, _column(path), tuple(Level(name, value, {path: value}) for name, value in values.items()))
