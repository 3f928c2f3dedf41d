"""The tuning phase: every variant that awaits it is tuned, and what it chose goes into the plan."""

from collections.abc import Sequence
from pathlib import Path

from ablate.lookup import lookup
from ablate.study.agenda import Job
from ablate.study.events import Observer, VariantTuned
from ablate.study.plan import Plan, Planned, with_tuned
from ablate.study.training import Train
from ablate.study.tuning import Arm


def awaiting(plan: Plan, only: Sequence[str] = ()) -> list[Planned]:
    """The variants of `plan` that are still to be tuned, of those that `only` names if it names any."""
    by_name = {planned.variant.name: planned for planned in plan.variants}
    chosen = [lookup(by_name, name, "variant") for name in only] or list(plan.variants)
    return [planned for planned in chosen if planned.variant.awaits]


def tuned(plan: Plan, folder: Path, only: Sequence[str], train: Train, observer: Observer) -> Plan:
    """`plan` with the values that variants have chosen, once every trial of their tuning has ended.

    Variants that are one network and one recipe are tuned once. Trials of different variants run side by side, the
    largest networks first. Raises `ResultsError` for a variant of which no trial came to an end.
    """
    waiting = sorted(awaiting(plan, only), key=lambda planned: -planned.macs)
    arms = {planned.variant.awaits: _arm(plan, planned, folder) for planned in waiting}
    first = {identity: job for identity, arm in arms.items() if (job := arm.next_job()) is not None}
    by_name = {arm.name: arm for arm in arms.values()}

    def after(job: Job) -> Sequence[Job]:
        following = by_name[job.variant].next_job()
        return () if following is None else (following,)

    train(list(first.values()), after)
    chosen = {identity: arm.chosen() for identity, arm in arms.items() if arm.next_job() is None}
    for planned in waiting:
        if planned.variant.awaits in chosen:
            own = chosen[planned.variant.awaits]
            observer(VariantTuned(planned.variant.name, own["values"], plan.study.config.primary, own["score"]))
    return with_tuned(plan, chosen)


def _arm(plan: Plan, planned: Planned, folder: Path) -> Arm:
    assert planned.data_digest is not None
    return Arm(plan.study, planned.variant, planned.data_digest, folder)
