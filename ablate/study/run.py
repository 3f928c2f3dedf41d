"""Running a study: plan, costs, training, tables. Whatever an earlier run finished is not done again."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ablate import environment, records, report
from ablate.data import DATASETS
from ablate.errors import DataError
from ablate.executors.contract import Execution
from ablate.lookup import load_dotted
from ablate.records import failure_path, finished_keys, log_path, stored_plan
from ablate.schema import SeedBlocks
from ablate.study import training
from ablate.study.cost_phase import lacks_costs, measure_costs
from ablate.study.devices import settle_devices
from ablate.study.events import Observer, StatementChanged, StudyStarted, unobserved
from ablate.study.load import Study, load_study
from ablate.study.options import Options
from ablate.study.packing import worth_of
from ablate.study.plan import Plan, check_unchanged, plan_study
from ablate.study.search_phase import is_searching, searched_anew
from ablate.study.searching import ROW
from ablate.study.seeds import grown, settle
from ablate.study.settling import (
    Environments,
    Worth,
    alone_on_it,
    set_damaged_aside,
    settle_execution,
    write_plan,
)
from ablate.study.showing import show_variants
from ablate.study.stated import changes, statements_of
from ablate.study.supervise import Terms
from ablate.study.training import Train, check_reachable, jobs_of
from ablate.study.tuning import FIRST_SEED
from ablate.study.tuning_phase import awaiting, tuned
from ablate.study.variants import variants_of

if TYPE_CHECKING:
    from ablate.records import Results
    from ablate.report import Tables


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: the results so far with the tables that follow, and whether anything was done at all.

    `missing` counts trials without an outcome, `failed` those that failed for good, the cost phase among them.
    """

    results: "Results"
    tables: "Tables"
    missing: int
    failed: int
    work: Literal["none", "some"]


def run(
    study: Study | Path | str,
    *,
    overrides: Sequence[str] = (),
    options: Options | None = None,
    observer: Observer = unobserved,
) -> Outcome:
    """Run what `study` lacks in its results folder and write its tables.

    Raises `AblateError` for a study, data set, folder or ledger that cannot be used; `KeyboardInterrupt` passes
    through, and the next run goes on where this one stopped.
    """
    options = options or Options()
    study = study if isinstance(study, Study) else load_study(study, overrides)
    folder = options.results / study.config.name
    check_reachable(options, folder)
    _fetch_data(study)
    plan = plan_study(study, folder, options.device, options.whereabouts)
    check_unchanged(plan, folder)
    set_damaged_aside(plan, folder, observer)
    plan = grown(plan, folder)
    jobs = is_searching(plan) or awaiting(plan, options.only) or jobs_of(plan, folder, options.only)
    costs = lacks_costs(plan, folder)
    _say_changes(plan, folder, observer)
    write_plan(plan, folder)
    if jobs or costs or options.ledger is not None:
        plan = _work(plan, folder, costs, options, observer)
    outcome = _conclude(plan, folder, "some" if jobs or costs else "none")
    if jobs and options.ledger is None:
        show_variants(plan, folder, outcome.tables)
    return outcome


def _say_changes(plan: Plan, folder: Path, observer: Observer) -> None:
    """Tell of a question, claim, margin or primary metric that is not as it was stated last."""
    changed = changes(statements_of(stored_plan(folder)), plan.stated)
    if changed:
        observer(StatementChanged(changed, plan.stated[-1]["trials_finished"], len(plan.trials)))


def _fetch_data(study: Study) -> None:
    """Have every data set of the study at hand; raises `DataError` that says what to download when it cannot be had."""
    for data in {
        variant.data for variant in variants_of(study) if variant.train is not None and variant.data is not None
    }:
        source = DATASETS[data.name]
        try:
            source.digest(data)
        except DataError:
            if source.fetch is None:
                raise
            load_dotted(source.fetch)(data)


def _work(plan: Plan, folder: Path, costs: bool, options: Options, observer: Observer) -> Plan:
    """Measure and train what is missing, block of seeds after block; the plan as it is then."""
    deadline = time.monotonic() + options.max_hours * 3600
    devices = settle_devices(options.device, options.whereabouts)
    described = environment.describe(devices[0], plan.study.source, folder.parent)
    environments = Environments(folder, {**described, "data": plan.data_digests})
    identity = environments.note()
    worth = _worth(plan, folder, options, observer)
    execution = settle_execution(plan, folder, environments.machine, devices, options.workers, worth)
    if not (awaiting(plan, options.only) or is_searching(plan)):
        observer(_started(plan, folder, execution))
    alone = replace(execution, device=devices[0], workers=1, threads=plan.study.config.cost.threads)
    if costs and not is_searching(plan):
        measure_costs(plan, folder, alone, identity, observer)
    terms = _terms(plan, folder, environments, deadline)
    torch_version = described["machine"]["versions"]["torch"]
    if not plan.trials:
        return plan
    with training.training(plan, terms, options, execution, torch_version, observer) as train:
        if is_searching(plan):
            plan = _searched(plan, folder, train, options, execution, observer)
            if not is_searching(plan) and lacks_costs(plan, folder):
                measure_costs(plan, folder, alone, identity, observer)
        plan = _tuned(plan, folder, train, options, execution, observer)
        train(jobs_of(plan, folder, options.only, execution.workers))
        while (larger := grown(plan, folder)) is not plan:
            plan = larger
            write_plan(plan, folder)
            observer(_started(plan, folder, execution))
            train(jobs_of(plan, folder, options.only, execution.workers))
    settled = settle(plan, folder)
    if settled is not None:
        observer(settled)
    return plan


def _searched(
    plan: Plan, folder: Path, train: Train, options: Options, execution: Execution, observer: Observer
) -> Plan:
    """The plan with the variants that the search has found, or as it was while that is not over."""
    observer(_search_started(plan, folder, execution))
    found = searched_anew(plan, folder, train)
    if found is None:
        return plan
    write_plan(replace(plan, searched=found), folder)
    plan = plan_study(plan.study, folder, options.device, options.whereabouts)
    write_plan(plan, folder)
    observer(_started(plan, folder, execution))
    return plan


def _tuned(plan: Plan, folder: Path, train: Train, options: Options, execution: Execution, observer: Observer) -> Plan:
    """`plan` with the values that variants choose, which stand in plan.json before the first of their final trials."""
    waiting = awaiting(plan, options.only)
    if not waiting:
        return plan
    observer(_tuning_started(plan, [each.variant.name for each in waiting], folder, execution))
    plan = tuned(plan, folder, options.only, train, observer)
    write_plan(plan, folder)
    observer(_started(plan, folder, execution))
    return plan


def _worth(plan: Plan, folder: Path, options: Options, observer: Observer) -> Worth:
    """Where an executor has machines of its own, it alone knows how many trials fit there."""
    if options.executor != "local":
        return alone_on_it
    return lambda device: worth_of(plan, device, log_path(folder, "workers"), observer)


def _terms(plan: Plan, folder: Path, environments: Environments, deadline: float) -> Terms:
    config = plan.study.config
    return Terms(
        folder=folder,
        function=training.TRIAL,
        environment=environments.note,
        retries=config.retries,
        timeout_seconds=_seconds(config.trial_timeout_minutes),
        silence_seconds=_seconds(config.stall_timeout_minutes),
        deadline=deadline,
    )


def _seconds(minutes: float | None) -> float | None:
    return None if minutes is None else 60 * minutes


def _started(plan: Plan, folder: Path, execution: Execution) -> StudyStarted:
    finished = finished_keys(folder)
    cells = {key: (planned.variant.name, seed) for key, (planned, seed) in plan.trials.items()}
    variants = tuple(dict.fromkeys(name for name, _ in cells.values()))
    seeds = plan.study.config.seeds
    return StudyStarted(
        name=plan.study.config.name,
        folder=folder,
        variants=variants,
        seeds=plan.seeds,
        done=frozenset(cell for key, cell in cells.items() if key in finished),
        device=execution.device,
        workers=execution.workers,
        threads=execution.threads,
        at_most=seeds.at_most if isinstance(seeds, SeedBlocks) else None,
        shared=frozenset(itertools.product(variants, plan.seeds)) - set(cells.values()),
    )


def _search_started(plan: Plan, folder: Path, execution: Execution) -> StudyStarted:
    """The table of progress then has one row, and a column a combination."""
    assert plan.study.config.search is not None
    seeds = range(FIRST_SEED, FIRST_SEED + plan.study.config.search.trials)
    started = replace(_started(plan, folder, execution), variants=(ROW,), seeds=tuple(seeds), phase="search")
    return replace(started, done=frozenset(), shared=frozenset())


def _tuning_started(plan: Plan, waiting: Sequence[str], folder: Path, execution: Execution) -> StudyStarted:
    """The table of progress then has a row a variant and a column a trial of its tuning."""
    assert plan.study.config.tune is not None
    seeds = range(FIRST_SEED, FIRST_SEED + plan.study.config.tune.trials)
    return replace(
        _started(plan, folder, execution),
        variants=tuple(waiting),
        seeds=tuple(seeds),
        done=frozenset(),
        shared=frozenset(),
        phase="tuning",
    )


def _conclude(plan: Plan, folder: Path, work: Literal["none", "some"]) -> Outcome:
    results = records.load_results(folder)
    tables = report.tables(results)
    report.write_derived(results, tables)
    states = results.trials["state"]
    planned = sum(len(entry.keys) for entry in plan.variants)
    failed = int((states == "failed").sum()) + failure_path(folder, "costs").exists()
    return Outcome(results, tables, planned - len(states), failed, work)
