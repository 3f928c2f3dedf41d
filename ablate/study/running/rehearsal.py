"""Trials of tuning and search: they hold images of the training split out, and never see the test split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablate.models.spec import NetworkSpec
from ablate.records import failure_path, stored_failures
from ablate.schema import FIRST_REHEARSAL_SEED, Mode
from ablate.study.planning.keys import key_of
from ablate.study.planning.plan import Plan
from ablate.study.planning.rehearsed import as_rehearsed
from ablate.study.planning.variants import Variant
from ablate.study.running.agenda import Job, job_of

SEARCH = "search"  # what the trials of one are called, as those of a variant's tuning are called after it


@dataclass(frozen=True)
class Timing:
    """What a trial's network is timed beside, and how."""

    model: NetworkSpec
    batch: int
    mode: Mode

    def told(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """For a key, or a task, by the form that `model` has."""
        return {"timed_beside": {"model": model, "batch": self.batch, "mode": self.mode}}


def forget_failures(plan: Plan, folder: Path, only: Sequence[str]) -> None:
    """Have the trials that failed for good, of a search or a tuning that has not ended, tried afresh.

    While a run goes on they count as tried, so that this is for when none does. `only` names variants, if any.
    """
    awaiting = {planned.variant.name for planned in plan.named(only) if planned.variant.awaits}
    rows = {SEARCH} if plan.is_searching else awaiting
    for key, failure in stored_failures(folder).items() if rows else ():
        if is_rehearsal(failure) and failure["variant"] in rows:
            failure_path(folder, key).unlink(missing_ok=True)


def is_rehearsal(failure: Mapping[str, Any]) -> bool:
    """Whether what failures/ holds is of a trial on images held out."""
    return {"variant", "seed"} <= failure.keys() and failure["seed"] >= FIRST_REHEARSAL_SEED


def rehearsal_of(
    variant: Variant, data_digest: str, number: int, stop_above: Sequence[float] = (), timing: Timing | None = None
) -> Job:
    """Trial `number`, counted from 0, of `variant`, which ends after the first epoch behind `stop_above`."""
    assert variant.data is not None
    variant, limits = replace(variant, data=as_rehearsed(variant.data)), list(stop_above)
    seed = FIRST_REHEARSAL_SEED + number
    said = {} if timing is None else timing.told(timing.model.as_json())
    given = {} if timing is None else timing.told(timing.model.as_task())
    key = key_of(variant, data_digest, seed, scored="validation", stop_above=limits, **said)
    job = job_of(variant, data_digest, key, seed, seed)
    return replace(job, task={**job.task, "stop_above": limits, **given})
