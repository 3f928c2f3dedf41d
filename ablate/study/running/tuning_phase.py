"""The tuning phase: every variant that awaits it is tuned, and what it chose goes into the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ablate.records import stored_plan
from ablate.study.planning.plan import Plan, Planned
from ablate.study.planning.tuned import Chosen, tuned_before, with_chosen
from ablate.study.running.agenda import Job
from ablate.study.running.announce import Announcer
from ablate.study.running.events import VariantTuned
from ablate.study.running.settling import write_plan
from ablate.study.running.training import Train
from ablate.study.running.tuning import arm_of


def awaiting(plan: Plan, only: Sequence[str] = ()) -> list[Planned]:
    """The variants of `plan` that are still to be tuned, of those that `only` names if it names any."""
    return [planned for planned in plan.named(only) if planned.variant.awaits]


def tuned(plan: Plan, folder: Path, only: Sequence[str], train: Train, announcer: Announcer) -> Plan:
    """`plan` with the values that variants choose, which stand in plan.json before the first of their final trials.

    Variants that are one network and one recipe are tuned once. Trials of different variants run side by side, the
    largest networks first. Raises `ResultsError` for a variant of which no trial came to an end.
    """
    waiting = sorted(awaiting(plan, only), key=lambda planned: -planned.macs)
    if not waiting or plan.study.config.tune is None:
        return plan
    arms = {planned.variant.awaits: arm_of(plan, planned, folder, announcer.observer) for planned in waiting}
    by_name = {arm.name: arm for arm in arms.values()}
    jobs = [job for arm in arms.values() if (job := arm.next_job()) is not None]
    rows = [each.variant.name for each in plan.variants if each.variant.name in by_name]
    ended = {name: by_name[name].seeds_ended() for name in rows}
    announcer.rehearsal(plan, "tuning", plan.study.config.tune.trials, ended)

    def after(job: Job) -> Sequence[Job]:
        following = by_name[job.variant].next_job()
        return () if following is None else (following,)

    train(jobs, after)
    chosen = {identity: arm.chosen() for identity, arm in arms.items() if arm.next_job() is None}
    _say_chosen(plan, waiting, chosen, announcer)
    known = {**_chosen_by_others(folder), **chosen}
    plan = replace(plan, variants=tuple(_ready(planned, known, plan.seeds) for planned in plan.variants))
    write_plan(plan, folder)
    return plan


def _chosen_by_others(folder: Path) -> dict[str, Chosen]:
    """What other runs of this folder have written meanwhile, by what variants await."""
    stored = stored_plan(folder)
    return {} if stored is None else {own["arm"]: own for own in tuned_before(stored["variants"]).values()}


def _say_chosen(plan: Plan, waiting: Sequence[Planned], chosen: Mapping[str, Chosen], announcer: Announcer) -> None:
    for planned in waiting:
        if planned.variant.awaits in chosen:
            own = chosen[planned.variant.awaits]
            tuned_now = VariantTuned(planned.variant.name, own["values"], plan.study.config.primary, own["score"])
            announcer.observer(tuned_now)


def _ready(planned: Planned, chosen: Mapping[str, Chosen], seeds: Sequence[int]) -> Planned:
    """`planned` with what it awaits, if that is among what was `chosen`."""
    if planned.variant.awaits not in chosen:
        return planned
    variant = with_chosen(planned.variant, chosen[planned.variant.awaits])
    return replace(planned, variant=variant).with_seeds(seeds)
