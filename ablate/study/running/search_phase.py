"""The search phase: combinations are tried, and those on the front become the variants of the study."""

from dataclasses import replace
from pathlib import Path

from ablate.locks import held
from ablate.records import stored_plan, write_json
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.running.announce import Announcer
from ablate.study.running.options import Options
from ablate.study.running.rehearsal import SEARCH
from ablate.study.running.searching import Search
from ablate.study.running.settling import lock_path, write_plan
from ablate.study.running.training import Train


def searched_anew(plan: Plan, folder: Path, options: Options, train: Train, announcer: Announcer) -> Plan:
    """The plan with the variants that the search of `plan` finds, or as it was while trials of it have not ended.

    Raises `ResultsError` for a search that failed as a whole.
    """
    assert plan.study.config.search is not None
    _check_timed(plan, announcer.execution.device)
    search = Search(plan, folder, announcer.observer)
    jobs = search.next_jobs()
    announcer.rehearsal(plan, "search", plan.study.config.search.trials, {SEARCH: search.seeds_ended()})
    train(jobs, lambda job: search.next_jobs())
    if not search.is_over:
        return plan
    _keep(replace(plan, searched=search.found()), folder)
    plan = plan_study(plan.study, folder, options.device, options.whereabouts)
    write_plan(plan, folder)
    return plan


def _check_timed(plan: Plan, device: str) -> None:
    """Raise `StudyError` for a latency that this device cannot tell, before every trial fails of it."""
    search, mode = plan.study.config.search, plan.study.config.cost.modes[0]
    if search is not None and "latency" in search.objectives and mode == "cuda_graph" and device == "cpu":
        sentence = f"a search times networks in the first of these, and {mode} needs a CUDA device, not cpu"
        raise plan.study.error(("cost", "modes"), f"{sentence}; put eager first, or run with --device cuda")


def _keep(plan: Plan, folder: Path) -> None:
    """Have plan.json hold what was found, unless another run of the same search has written that already."""
    assert plan.searched is not None
    with held(lock_path(folder)):
        stored = stored_plan(folder)
        if stored is None or "searched" not in stored or stored["searched"]["digest"] != plan.searched["digest"]:
            write_json(folder / "plan.json", plan.as_json())
