"""The search phase: combinations are tried, and those on the front become the variants of the study."""

from dataclasses import replace
from pathlib import Path

from ablate.locks import held
from ablate.records import stored_plan, write_json
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.running.announce import Announcer
from ablate.study.running.options import Options
from ablate.study.running.searching import ROW, Search
from ablate.study.running.settling import lock_path, write_plan
from ablate.study.running.training import Train


def is_searching(plan: Plan) -> bool:
    """Whether the variants of `plan` are still looked for."""
    return plan.study.config.search is not None and plan.searched is None


def searched_anew(plan: Plan, folder: Path, options: Options, train: Train, announcer: Announcer) -> Plan:
    """The plan with the variants that the search of `plan` finds, or as it was while trials of it have not ended."""
    assert plan.study.config.search is not None
    announcer.rehearsal(plan, "search", [ROW], plan.study.config.search.trials)
    search = Search(plan, folder, announcer.observer)
    train(search.next_jobs(), lambda job: search.next_jobs())
    if not search.is_over:
        return plan
    _keep(replace(plan, searched=search.found()), folder)
    plan = plan_study(plan.study, folder, options.device, options.whereabouts)
    write_plan(plan, folder)
    return plan


def _keep(plan: Plan, folder: Path) -> None:
    """Have plan.json hold what was found, unless another run of the same search has written that already."""
    assert plan.searched is not None
    with held(lock_path(folder)):
        stored = stored_plan(folder)
        if stored is None or "searched" not in stored or stored["searched"]["digest"] != plan.searched["digest"]:
            write_json(folder / "plan.json", plan.as_json())
