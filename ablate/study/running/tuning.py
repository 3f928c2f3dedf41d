"""Tuning: every variant looks for the values of some fields by itself, on images held out of the training split.

The trials of one variant follow on each other, those of different variants run side by side. What is tried next
depends on what was tried before alone, and that is read from the records: a run that was killed goes on to the same
values.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

from ablate.errors import ResultsError
from ablate.lookup import load_dotted
from ablate.measure import METRICS
from ablate.randomness import seed_of
from ablate.records import last_cause
from ablate.schema import FIRST_REHEARSAL_SEED, Range
from ablate.study.planning.plan import Plan, Planned
from ablate.study.planning.tuned import Chosen, fields_tuned, value_of_field, with_values
from ablate.study.planning.variants import Variant
from ablate.study.reading.load import Study
from ablate.study.running.agenda import Job
from ablate.study.running.events import Observer
from ablate.study.running.rehearsal import rehearsal_of
from ablate.study.running.settling import usable_record
from ablate.study.running.tried import DIRECTIONS, Tried

SUGGESTED = "ablate.study.running.proposals:suggested"
FEWEST_BEFORE_PRUNING = 5
EDGE = 0.05  # of a range, at either end


class Arm:
    """The tuning of one variant: what was tried so far, by the records in `folder`, and what is next.

    A trial that failed for good was started like any other: once another has come to an end it is not tried again, or
    what followed on it would not be what was tried (see `afresh`).
    """

    def __init__(self, study: Study, variant: Variant, data_digest: str, folder: Path, observer: Observer) -> None:
        assert study.config.tune is not None
        self._trials, self._fields = study.config.tune.trials, fields_tuned(study, variant)
        self._primary, self._folder = study.config.primary, folder
        self._observer = observer
        self._variant, self._data_digest = variant, data_digest
        self._tried: list[Tried] = []
        self._causes: list[str] = []  # of those that failed

    @property
    def name(self) -> str:
        return self._variant.name

    def next_job(self) -> Job | None:
        """The trial that is to run now; None when all have ended."""
        while len(self._tried) < self._trials:
            values = self._values()
            job = self._job(values)
            ended = self._ended(job, values)
            if ended is None:
                return job
            self._tried.append(ended)
        return None

    def has_ended_any(self) -> bool:
        """Whether a trial has come to an end, be it a bad one."""
        self.next_job()
        return any(each.state != "failed" for each in self._tried)

    def seeds_ended(self) -> range:
        """Of the trials that have ended."""
        return range(FIRST_REHEARSAL_SEED, FIRST_REHEARSAL_SEED + len(self._tried))

    def chosen(self) -> Chosen:
        """The values with the best score, once all trials have ended, and what the report says of how they were found.

        Raises `ResultsError` where no trial came to an end.
        """
        whole = [each for each in self._tried if each.state == "complete"]
        if not whole:
            raise ResultsError(f"{self._folder}: no trial of tuning {self.name} came to an end, {self._remedy()}")
        best = max(whole, key=self._merit)
        first = self._tried[0]
        is_stated = first.state == "complete" and first.values == self._stated()
        return {
            "arm": self._variant.awaits,
            "values": dict(best.values),
            "score": best.score,
            "stated_score": first.score if is_stated else None,
            "states": [each.state for each in self._tried],
            "edges": [path for path, value in best.values.items() if _is_edge(self._fields[path], value)],
        }

    def _remedy(self) -> str:
        """What became of the trials, none of which came to an end, and what to do about it."""
        if not self._causes:
            return f"all {len(self._tried)} diverged; give tune other ranges, under another name of the study"
        return (
            f"{len(self._causes)} of {len(self._tried)} failed, the last with {self._causes[-1]}; see to that and run "
            "the same command again, which tries them afresh"
        )

    def _merit(self, tried: Tried) -> float:
        assert tried.score is not None
        return tried.score if METRICS[self._primary].direction == "higher" else -tried.score

    def _values(self) -> dict[str, float]:
        """What is tried next: first what the study states where that is allowed, so that the gain can be told."""
        stated, fields = self._stated(), self._fields
        if not self._tried and all(fields[path].low <= value <= fields[path].high for path, value in stated.items()):
            return stated
        way = DIRECTIONS[METRICS[self._primary].direction]
        seed = seed_of("tune", self._variant.awaits, len(self._tried)) % 2**32
        found: dict[str, float] = load_dotted(SUGGESTED)(fields, self._tried, way, seed)
        return found

    def _stated(self) -> dict[str, float]:
        """The fields as the variant has them; one that it leaves out is missing."""
        found = {path: value_of_field(self._variant, path) for path in self._fields}
        return {path: math.nan if value is None else value for path, value in found.items()}

    def _job(self, values: Mapping[str, float]) -> Job:
        variant = replace(with_values(self._variant, values), awaits="")
        return rehearsal_of(variant, self._data_digest, len(self._tried), stop_above=self._limits())

    def _limits(self) -> list[float]:
        """Of every epoch but the last, the median validation loss of the trials that came to an end: who is behind it
        even with its lowest loss so far is stopped (the median stopping rule of Golovin et al. 2017, Google Vizier)."""
        whole = [each.validation_losses[:-1] for each in self._tried if each.state == "complete"]
        limits: list[float] = []
        # Trials that a recipe stops early have fewer epochs than others.
        for epoch in range(max((len(each) for each in whole), default=0)):
            losses = [each[epoch] for each in whole if len(each) > epoch]
            if len(losses) < FEWEST_BEFORE_PRUNING or not math.isfinite(median(losses)):
                break
            limits.append(median(losses))
        return limits

    def _ended(self, job: Job, values: Mapping[str, float]) -> Tried | None:
        record = usable_record(self._folder, job.key, job.variant, job.seed, self._observer)
        if record is not None:
            seen = [point["validation_loss"] for point in record.curve]
            losses = tuple(math.inf if loss is None else loss for loss in seen)
            return Tried(values, record.state, record.metrics[self._primary], losses)
        cause = last_cause(self._folder, job.key)
        if cause is None:
            return None
        self._causes.append(cause)
        return Tried(values, "failed", None, ())


def arm_of(plan: Plan, planned: Planned, folder: Path, observer: Observer) -> Arm:
    """The tuning of a variant of `plan`."""
    assert planned.data_digest is not None
    return Arm(plan.study, planned.variant, planned.data_digest, folder, observer)


def _is_edge(spanned: Range, value: float) -> bool:
    low, high, at = spanned.low, spanned.high, value
    if spanned.log:
        low, high, at = math.log(low), math.log(high), math.log(value)
    return not low + EDGE * (high - low) < at < high - EDGE * (high - low)
