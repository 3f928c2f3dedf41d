"""Running a study: plan, costs, training, tables. Whatever an earlier run finished is not done again."""

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from ablate import environment, report
from ablate.data import DATASETS
from ablate.errors import DataError
from ablate.executors import EXECUTORS
from ablate.executors.contract import Execution
from ablate.ledger import Ledger
from ablate.lookup import load_dotted, lookup
from ablate.records import (
    Results,
    digest,
    failure_path,
    finished_keys,
    load_results,
    read_json,
    stored_plan,
    write_json,
)
from ablate.schema import SeedBlocks
from ablate.study.cost_phase import lacks_costs, measure_costs
from ablate.study.events import Observer, StatementChanged, StudyStarted, unobserved
from ablate.study.load import Study, load_study
from ablate.study.plan import Plan, Planned, check_unchanged, plan_study, settle_device
from ablate.study.seeds import grown, settle
from ablate.study.stated import changes, statements_of
from ablate.study.supervise import Job, Supervisor, Terms
from ablate.study.variants import variants_of

TRIAL = "ablate.trial:run"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run, never what: none of these changes a result.

    `workers` None takes as many as fit; `device` is `auto`, `cpu` or `cuda:N`; `only` names variants; trials begin
    until `max_hours` have passed.
    """

    results: Path = Path("results")
    workers: int | None = None
    device: str = "auto"
    only: tuple[str, ...] = ()
    max_hours: float = math.inf


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: the results so far with the tables that follow, and whether anything was done at all.

    `missing` counts trials without an outcome, `failed` those that failed for good, the cost phase among them.
    """

    results: Results
    tables: report.Tables
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

    Raises `AblateError` for a study, data set or folder that cannot be used; `KeyboardInterrupt` passes through, and
    the next run goes on where this one stopped.
    """
    options = options or Options()
    study = study if isinstance(study, Study) else load_study(study, overrides)
    folder = options.results / study.config.name
    _fetch_data(study)
    plan = plan_study(study, folder, options.device)
    check_unchanged(plan, folder)
    plan = grown(plan, folder)
    jobs = _jobs(plan, folder, options.only)
    costs = lacks_costs(plan, folder)
    _say_changes(plan, folder, observer)
    _write_plan(plan, folder)
    if jobs or costs:
        plan = _work(plan, folder, jobs, costs, options, observer)
    return _conclude(plan, folder, "some" if jobs or costs else "none")


def _say_changes(plan: Plan, folder: Path, observer: Observer) -> None:
    """Tell of a question, claim, margin or primary metric that is not as it was stated last."""
    changed = changes(statements_of(stored_plan(folder)), plan.stated)
    if changed:
        observer(StatementChanged(changed, plan.stated[-1]["trials_finished"], len(plan.trials)))


def _write_plan(plan: Plan, folder: Path) -> None:
    if read_json(folder / "plan.json") != plan.as_json():
        write_json(folder / "plan.json", plan.as_json())


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


def _jobs(plan: Plan, folder: Path, only: Sequence[str]) -> list[Job]:
    """Trials without a record: seed by seed, so that pairs complete early, and the largest network of a seed first."""
    by_name = {planned.variant.name: planned for planned in plan.variants}
    chosen = [lookup(by_name, name, "variant") for name in only] or list(plan.variants)
    wanted = {key for planned in chosen for key in planned.keys.values()} - finished_keys(folder)
    trials = [(key, *owner) for key, owner in plan.trials.items() if key in wanted]
    place = {seed: position for position, seed in enumerate(plan.seeds)}
    trials.sort(key=lambda trial: (place[trial[2]], -trial[1].macs * trial[1].variant.steps))
    return [_job(planned, seed, key) for key, planned, seed in trials]


def _job(planned: Planned, seed: int, key: str) -> Job:
    variant = planned.variant
    assert variant.data is not None
    assert variant.train is not None
    task = {
        "key": key,
        "seed": variant.trained_seed(seed),
        "model": variant.model.as_task(),
        "data": variant.data.model_dump(mode="json"),
        "train": variant.train.model_dump(mode="json"),
    }
    return Job(key, variant.name, seed, variant.epochs, task)


def _work(plan: Plan, folder: Path, jobs: list[Job], costs: bool, options: Options, observer: Observer) -> Plan:
    """Measure and train what is missing, block of seeds after block; the plan as it is then."""
    deadline = time.monotonic() + options.max_hours * 3600
    device = settle_device(options.device)
    identity, machine = _note_environment(plan, folder, device)
    execution = _settle_execution(plan, folder, machine, device, options.workers)
    terms = Terms(
        folder=folder,
        function=TRIAL,
        execution=execution,
        environment=identity,
        retries=plan.study.config.retries,
        timeout_seconds=_seconds(plan.study.config.trial_timeout_minutes),
        deadline=deadline,
    )
    observer(_started(plan, folder, execution))
    if costs:
        alone = replace(execution, workers=1, threads=plan.study.config.cost.threads)
        measure_costs(plan, folder, alone, identity, observer)
    _train(plan, jobs, device, terms, observer)
    while (larger := grown(plan, folder)) is not plan:
        plan = larger
        _write_plan(plan, folder)
        observer(_started(plan, folder, execution))
        _train(plan, _jobs(plan, folder, options.only), device, terms, observer)
    settled = settle(plan, folder)
    if settled is not None:
        observer(settled)
    return plan


def _train(plan: Plan, jobs: list[Job], device: str, terms: Terms, observer: Observer) -> None:
    if not jobs:
        return
    queue = Ledger(terms.folder / "ledger.db", plan.study.config.name)
    jobs = [replace(job, task={**job.task, "device": device}) for job in jobs]
    Supervisor(jobs, queue, terms, observer).run(EXECUTORS["local"])


def _seconds(minutes: float | None) -> float | None:
    return None if minutes is None else 60 * minutes


def _note_environment(plan: Plan, folder: Path, device: str) -> tuple[str, str]:
    """Add this environment to environment.json; its id, and the id of the part that moves numbers."""
    described = environment.describe(device, plan.study.source, folder.parent)
    described["data"] = plan.data_digests
    identity = digest({name: value for name, value in described.items() if name not in environment.VOLATILE})[:12]
    path = folder / "environment.json"
    write_json(path, {identity: described, **(read_json(path) or {})})
    return identity, digest(described["machine"])[:12]


def _settle_execution(plan: Plan, folder: Path, machine: str, device: str, workers: int | None) -> Execution:
    """How trials run on this machine: as the first run here settled it, but for the number of workers if asked."""
    path = folder / "execution.json"
    settled = read_json(path) or {}
    if machine not in settled:
        settled[machine] = asdict(_new_execution(plan, device, workers))
        write_json(path, settled)
    execution = Execution(**settled[machine])
    return execution if workers is None else replace(execution, workers=workers)


def _new_execution(plan: Plan, device: str, workers: int | None) -> Execution:
    """CPU: a worker a core, or a trial if these are fewer, and the cores shared out. CUDA: one worker."""
    cores = environment.cores()
    count = workers or (max(1, min(cores, len(plan.trials))) if device == "cpu" else 1)
    return Execution(device=device, workers=count, threads=max(1, cores // count))


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


def _conclude(plan: Plan, folder: Path, work: Literal["none", "some"]) -> Outcome:
    results = load_results(folder)
    tables = report.tables(results)
    report.write_derived(results, tables)
    states = results.trials["state"]
    planned = sum(len(entry.keys) for entry in plan.variants)
    failed = int((states == "failed").sum()) + failure_path(folder, "costs").exists()
    return Outcome(results, tables, planned - len(states), failed, work)
