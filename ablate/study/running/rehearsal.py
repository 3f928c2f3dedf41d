"""Trials of tuning and search: they hold images of the training split out, and never see the test split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablate.models.spec import NetworkSpec
from ablate.schema import FIRST_REHEARSAL_SEED, Mode
from ablate.study.planning.keys import key_of
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


def is_rehearsal(failure: Mapping[str, Any]) -> bool:
    """Whether what failures/ holds is of a trial on images held out."""
    return {"variant", "seed"} <= failure.keys() and failure["seed"] >= FIRST_REHEARSAL_SEED


def rehearsal_of(
    variant: Variant,
    data_digest: str,
    number: int,
    *,
    stop_above: Sequence[float] | None = None,
    timing: Timing | None = None,
) -> Job:
    """Trial `number`, counted from 0, of `variant`.

    With `stop_above` it is scored after every epoch, and ends after the first of them that is behind.
    """
    assert variant.data is not None
    variant = replace(variant, data=as_rehearsed(variant.data))
    seed, limits = FIRST_REHEARSAL_SEED + number, list(stop_above or ())
    said = {} if timing is None else timing.told(timing.model.as_json())
    given = {} if timing is None else timing.told(timing.model.as_task())
    watched = {} if stop_above is None else {"stop_above": limits}
    key = key_of(variant, data_digest, seed, scored="validation", stop_above=limits, **said)
    job = job_of(variant, data_digest, key, seed, seed, scored="validation")
    return replace(job, task={**job.task, **watched, **given})
