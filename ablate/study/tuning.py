"""Tuning: every variant looks for the values of some fields by itself, on images held out of the training split.

The trials of one variant follow on each other, those of different variants run side by side. What is tried next
depends on what was tried before alone, and that is read from the records: a run that was killed goes on to the same
values.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from ablate.errors import ResultsError
from ablate.lookup import load_dotted
from ablate.measure import DIRECTIONS
from ablate.models.spec import ExternalSpec, ModelSpec
from ablate.randomness import seed_of
from ablate.records import digest, failure_path, load_record
from ablate.schema import DataConfig, Range
from ablate.study.agenda import Job, job_of
from ablate.study.keys import key_of
from ablate.study.load import Study
from ablate.study.variants import Variant
from ablate.train import TRAINING_VERSION

SUGGESTED, TRIED = "ablate.study.search:suggested", "ablate.study.search:Tried"
FIRST_SEED = 10_000
VALIDATION = 0.1
FEWEST_BEFORE_PRUNING = 5
EDGE = 0.05  # of a range, at either end

Chosen = dict[str, Any]
"""What plan.json keeps of the tuning of one variant; see `Arm.chosen`."""


def settled(
    study: Study, variants: Sequence[Variant], digests: Mapping[DataConfig, str], stored: Mapping[str, Chosen]
) -> list[Variant]:
    """`variants` with the values that `stored` holds for them; those for which it holds none await them."""
    if study.config.tune is None:
        return list(variants)
    return [_settled(study, variant, digests, stored) for variant in variants]


def tuned_before(stored: Sequence[Mapping[str, Any]]) -> dict[str, Chosen]:
    """What `stored`, the variants of an earlier plan, has of tunings that are done."""
    return {each["variant"]: each["tuned"] for each in stored if "tuned" in each}


def with_values(variant: Variant, values: Mapping[str, float]) -> Variant:
    """`variant` with its fields at `values`, by their paths."""
    assert variant.train is not None
    of_train, of_model = _under("train.", values), _under("model.", values)
    tuned = replace(variant, train=variant.train.model_copy(update=of_train))
    if not of_model:
        return tuned
    assert isinstance(variant.model, ModelSpec | ExternalSpec)
    return replace(tuned, model=replace(variant.model, **of_model))


def _under(prefix: str, values: Mapping[str, float]) -> dict[str, Any]:
    return {path.removeprefix(prefix): value for path, value in values.items() if path.startswith(prefix)}


class Arm:
    """The tuning of one variant: what was tried so far, by the records in `folder`, and what is next.

    A trial that failed for good was started like any other: it is not tried again, or what followed on it would not be
    what was tried.
    """

    def __init__(self, study: Study, variant: Variant, data_digest: str, folder: Path) -> None:
        assert study.config.tune is not None
        assert variant.data is not None
        self._tune, self._primary, self._folder = study.config.tune, study.config.primary, folder
        self._variant, self._data_digest = variant, data_digest
        held_out = variant.data.validation or VALIDATION
        self._data = variant.data.model_copy(update={"validation": held_out})
        self._tried: list[Any] = []

    @property
    def name(self) -> str:
        return self._variant.name

    def next_job(self) -> Job | None:
        """The trial that is to run now; None when all have ended."""
        while len(self._tried) < self._tune.trials:
            values = self._values()
            job = self._job(values)
            ended = self._ended(job.key, values)
            if ended is None:
                return job
            self._tried.append(ended)
        return None

    def chosen(self) -> Chosen:
        """The values with the best score, once all trials have ended, and what the report says of how they were found.

        Raises `ResultsError` where no trial came to an end.
        """
        whole = [each for each in self._tried if each.state == "complete"]
        if not whole:
            raise ResultsError(
                f"{self._folder}: no trial of tuning {self.name} came to an end, {len(self._tried)} diverged or "
                "failed; give tune other ranges, under another name of the study"
            )
        best = max(whole, key=self._merit)
        first = self._tried[0]
        is_stated = first.state == "complete" and first.values == self._stated()
        return {
            "arm": self._variant.awaits,
            "values": dict(best.values),
            "score": best.score,
            "stated_score": first.score if is_stated else None,
            "states": [each.state for each in self._tried],
            "edges": [path for path, value in best.values.items() if _is_edge(self._tune.fields[path], value)],
        }

    def _merit(self, tried: Any) -> float:
        assert tried.score is not None
        return float(tried.score if DIRECTIONS[self._primary] == "higher" else -tried.score)

    def _values(self) -> dict[str, float]:
        """What is tried next: first what the study states where that is allowed, so that the gain can be told."""
        stated = self._stated()
        fields = self._tune.fields
        if not self._tried and all(fields[path].low <= value <= fields[path].high for path, value in stated.items()):
            return stated
        way = "maximize" if DIRECTIONS[self._primary] == "higher" else "minimize"
        seed = seed_of("tune", self._variant.awaits, len(self._tried)) % 2**32
        found: dict[str, float] = load_dotted(SUGGESTED)(fields, self._tried, way, seed)
        return found

    def _stated(self) -> dict[str, float]:
        """The fields as the variant has them; one that it leaves out is missing."""
        found = {path: _value_of(self._variant, path) for path in self._tune.fields}
        return {path: math.nan if value is None else value for path, value in found.items()}

    def _job(self, values: Mapping[str, float]) -> Job:
        variant = replace(with_values(self._variant, values), data=self._data, awaits="")
        seed = FIRST_SEED + len(self._tried)
        limits = self._limits()
        key = key_of(variant, self._data_digest, seed, scored="validation", stop_above=limits)
        job = job_of(variant, self._data_digest, key, seed, seed)
        return replace(job, task={**job.task, "stop_above": limits})

    def _limits(self) -> list[float]:
        """Of every epoch but the last, the median validation loss of the trials that came to an end: who is behind it
        even with its lowest loss so far is stopped (the median stopping rule of Golovin et al. 2017, Google Vizier)."""
        whole = [each.validation_losses for each in self._tried if each.state == "complete"]
        if len(whole) < FEWEST_BEFORE_PRUNING:
            return []
        return [median(losses) for losses in zip(*(each[:-1] for each in whole), strict=True)]

    def _ended(self, key: str, values: Mapping[str, float]) -> Any | None:
        tried = load_dotted(TRIED)
        record = load_record(self._folder, key)
        if record is not None:
            losses = tuple(float(point["validation_loss"] or math.inf) for point in record.curve)
            return tried(values, record.state, record.metrics[self._primary], losses)
        return tried(values, "failed", None, ()) if failure_path(self._folder, key).exists() else None


def _settled(
    study: Study, variant: Variant, digests: Mapping[DataConfig, str], stored: Mapping[str, Chosen]
) -> Variant:
    assert variant.data is not None
    identity = _identity(study, variant, digests[variant.data])
    if variant.name in stored and stored[variant.name]["arm"] == identity:
        chosen = stored[variant.name]
        return replace(with_values(variant, chosen["values"]), tuned=chosen)
    return replace(variant, awaits=identity)


def _identity(study: Study, variant: Variant, data_digest: str) -> str:
    """Of everything that the tuning of `variant` depends on, but for its name and the folder of its data."""
    assert study.config.tune is not None
    assert variant.data is not None
    assert variant.train is not None
    return digest(
        {
            "model": variant.model.as_json(),
            "data": [data_digest, variant.data.model_dump(mode="json", exclude={"root"})],
            "train": variant.train.model_dump(mode="json"),
            "tune": study.config.tune.model_dump(mode="json"),
            "primary": study.config.primary,
            "training_version": TRAINING_VERSION,
        }
    )


def _value_of(variant: Variant, path: str) -> float | None:
    section, _, field = path.partition(".")
    value: float | None = getattr(variant.model if section == "model" else variant.train, field)
    return value


def _is_edge(spanned: Range, value: float) -> bool:
    low, high, at = spanned.low, spanned.high, value
    if spanned.log:
        low, high, at = math.log(low), math.log(high), math.log(value)
    return not low + EDGE * (high - low) < at < high - EDGE * (high - low)
