"""Running a study: plan, costs, training, tables. Whatever an earlier run finished is not done again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ablate import environment, records, report
from ablate.data import DATASETS
from ablate.errors import DataError
from ablate.executors.contract import Execution
from ablate.lookup import load_dotted
from ablate.records import failure_path, log_path, stored_plan
from ablate.study.planning.devices import settle_devices
from ablate.study.planning.plan import Plan, check_unchanged
from ablate.study.planning.planner import plan_study
from ablate.study.planning.stated import changes, rehearsals_before, statements_of
from ablate.study.planning.variants import variants_of
from ablate.study.reading.load import Study, load_study
from ablate.study.running import training
from ablate.study.running.announce import Announcer
from ablate.study.running.cost_phase import lacks_costs, measure_costs
from ablate.study.running.events import Observer, StatementChanged, unobserved
from ablate.study.running.options import Options
from ablate.study.running.packing import worth_of
from ablate.study.running.search_phase import searched_anew
from ablate.study.running.seeds import grown, settle
from ablate.study.running.settling import (
    Environments,
    Worth,
    alone_on_it,
    set_damaged_aside,
    settle_execution,
    write_plan,
)
from ablate.study.running.showing import show_findings
from ablate.study.running.supervise import Terms
from ablate.study.running.training import Train, check_reachable, jobs_of
from ablate.study.running.tuning_phase import awaiting, tuned

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
    plan.named(options.only)  # a misspelt one is told before anything is begun
    _say_changes(plan, folder, observer)
    write_plan(plan, folder)
    set_damaged_aside(plan, folder, observer)
    plan = _with_blocks(plan, folder)
    costs = _lacks_costs(plan, folder)
    trials = _lacks_trials(plan, folder, options.only)
    work: Literal["none", "some"] = "some" if trials or costs else "none"
    if work == "some" or options.ledger is not None:
        plan = _work(plan, folder, options, observer)
    outcome = _conclude(folder, work)
    if trials and options.ledger is None:
        show_findings(plan, folder, outcome.tables, observer)
    return outcome


def _with_blocks(plan: Plan, folder: Path) -> Plan:
    """`plan` with the blocks of seeds that the records ask for by now, written down."""
    larger = grown(plan, folder)
    if larger is not plan:
        write_plan(larger, folder)
    return larger


def _lacks_costs(plan: Plan, folder: Path) -> bool:
    """Whether costs are to be measured; a failure of those that are not asked for any more is forgotten."""
    lacking = lacks_costs(plan, folder)
    if not lacking:
        failure_path(folder, "costs").unlink(missing_ok=True)
    return lacking and not _networks_are_open(plan)


def _networks_are_open(plan: Plan) -> bool:
    """Whether it is still looked for which networks there are."""
    tune = plan.study.config.tune
    tunes_networks = tune is not None and any(path.startswith("model.") for path in tune.fields)
    return plan.is_searching or (tunes_networks and bool(awaiting(plan)))


def _lacks_trials(plan: Plan, folder: Path, only: Sequence[str]) -> bool:
    return plan.is_searching or bool(awaiting(plan, only) or jobs_of(plan, folder, only))


def _say_changes(plan: Plan, folder: Path, observer: Observer) -> None:
    """Tell of a question, claim, margin or primary metric that is not as it was stated last."""
    changed = changes(statements_of(stored_plan(folder)), plan.stated)
    if changed:
        rehearsals = rehearsals_before(plan.stated[-1])
        finished = plan.stated[-1]["trials_finished"] + rehearsals
        observer(StatementChanged(changed, finished, len(plan.trials) + rehearsals))


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


def _work(plan: Plan, folder: Path, options: Options, observer: Observer) -> Plan:
    """Measure and train what is missing, block of seeds after block; the plan as it is then."""
    deadline = time.monotonic() + options.max_hours * 3600
    devices = settle_devices(options.device, options.whereabouts)
    described = environment.describe(devices[0], plan.study.source, folder.parent)
    environments = Environments(folder, {**described, "data": plan.data_digests})
    worth = _worth(plan, folder, options, observer)
    execution = settle_execution(plan, folder, environments.machine, devices, options.workers, worth)
    announcer = Announcer(folder, execution, observer)
    terms = _terms(plan, folder, environments, deadline)
    alone = replace(execution, device=devices[0], workers=1, threads=plan.study.config.cost.threads)
    costs = partial(
        _measure_what_lacks, folder=folder, execution=alone, identity=environments.note(), observer=observer
    )
    if not (plan.is_searching or awaiting(plan, options.only)):
        announcer.training(plan)
    costs(plan)
    if not plan.trials:
        return plan
    torch_version = described["machine"]["versions"]["torch"]
    with training.training(plan, terms, options, execution, torch_version, observer) as train:
        return _trained(plan, folder, options, train, costs, announcer)


def _measure_what_lacks(plan: Plan, folder: Path, execution: Execution, identity: str, observer: Observer) -> None:
    """The costs of variants, once it is known which networks they are."""
    if not _networks_are_open(plan) and lacks_costs(plan, folder):
        measure_costs(plan, folder, execution, identity, observer)


def _trained(
    plan: Plan, folder: Path, options: Options, train: Train, costs: Callable[[Plan], None], announcer: Announcer
) -> Plan:
    """`plan` as it is when what it looks for is found, what it tunes is tuned, and all of its seeds have trained."""
    rehearsed = plan
    if rehearsed.is_searching:
        rehearsed = searched_anew(rehearsed, folder, options, train, announcer)
    if awaiting(rehearsed, options.only):
        rehearsed = tuned(rehearsed, folder, options.only, train, announcer)
    if _networks_are_open(plan):
        costs(rehearsed)
    if rehearsed is not plan:
        announcer.training(rehearsed)
    plan = rehearsed
    train(jobs_of(plan, folder, options.only, announcer.execution.workers))
    while (larger := _with_blocks(plan, folder)) is not plan:
        plan = larger
        announcer.training(plan)
        train(jobs_of(plan, folder, options.only, announcer.execution.workers))
    settled = settle(plan, folder)
    if settled is not None:
        announcer.observer(settled)
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


def _conclude(folder: Path, work: Literal["none", "some"]) -> Outcome:
    results = records.load_results(folder)
    tables = report.tables(results)
    report.write_derived(results, tables)
    states = results.trials["state"]
    planned = sum(len(variant["keys"]) for variant in results.plan["variants"])  # by now, whoever has planned it
    failed = int((states == "failed").sum()) + failure_path(folder, "costs").exists()
    return Outcome(results, tables, planned - len(states), failed, work)
