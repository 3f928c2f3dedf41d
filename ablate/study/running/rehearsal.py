"""Trials of tuning and search: they hold images of the training split out, and never see the test split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablate.models.spec import NetworkSpec
from ablate.schema import FIRST_REHEARSAL_SEED, Mode
from ablate.study.planning.keys import key_of
from ablate.study.planning.variants import Variant
from ablate.study.running.agenda import Job, job_of

VALIDATION = 0.1  # of the training split, where the study does not say


@dataclass(frozen=True)
class Timing:
    """What a trial's network is timed beside, and how."""

    model: NetworkSpec
    batch: int
    mode: Mode

    def told(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """For a key, or a task, by the form that `model` has."""
        return {"timed_beside": {"model": model, "batch": self.batch, "mode": self.mode}}


def rehearsal_of(
    variant: Variant, data_digest: str, number: int, stop_above: Sequence[float] = (), timing: Timing | None = None
) -> Job:
    """Trial `number`, counted from 0, of `variant`, which ends after the first epoch behind `stop_above`."""
    assert variant.data is not None
    held_out = variant.data.model_copy(update={"validation": variant.data.validation or VALIDATION})
    variant, seed, limits = replace(variant, data=held_out), FIRST_REHEARSAL_SEED + number, list(stop_above)
    said = {} if timing is None else timing.told(timing.model.as_json())
    given = {} if timing is None else timing.told(timing.model.as_task())
    key = key_of(variant, data_digest, seed, scored="validation", stop_above=limits, **said)
    job = job_of(variant, data_digest, key, seed, seed)
    return replace(job, task={**job.task, "stop_above": limits, **given})
