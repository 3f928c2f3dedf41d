"""Training the trials of a plan: its jobs, the ledger they are claimed from, the workers that run them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ablate.executors import EXECUTORS
from ablate.executors.contract import Execution
from ablate.executors.local import LocalExecutor
from ablate.ledger import Ledger, file_place, server_place
from ablate.lookup import load_dotted, lookup
from ablate.records import finished_keys
from ablate.study.planning.plan import Plan, Planned
from ablate.study.running.afresh import forget_failures
from ablate.study.running.agenda import After, Job, job_of, nothing_more
from ablate.study.running.events import LedgerRebuilt, LedgerWait, Observer
from ablate.study.running.options import Options
from ablate.study.running.settling import agreement_of
from ablate.study.running.shelf import RecordShelf
from ablate.study.running.supervise import Seat, Supervisor, Terms

TRIAL = "ablate.trial:run"
# What a run ends with takes seconds to import.
REPORT = ("ablate.report:write_derived", "ablate.report.figures:picture")


class Train(Protocol):
    """Trains jobs, and what is to run `after` each of them."""

    def __call__(self, jobs: Sequence[Job], after: After = nothing_more) -> None: ...


def check_reachable(options: Options, folder: Path) -> None:
    """Raise `AblateError` for an executor or a ledger that cannot be meant, before anything is begun."""
    lookup(EXECUTORS, options.executor, "executor")
    if options.executor == "local":
        LocalExecutor(options.address)  # which takes none
    if options.ledger is not None:
        server_place(folder, options.ledger)


def jobs_of(plan: Plan, folder: Path, only: Sequence[str], abreast: int = 1) -> list[Job]:
    """Trials without a record, as many seeds at a time as trials run `abreast`, the largest networks of these first.

    So pairs complete early, and workers that train one network side by side begin and end the last ones together.
    """
    ready = [planned for planned in plan.named(only) if not planned.variant.awaits]
    wanted = {key for planned in ready for key in planned.keys.values()} - finished_keys(folder)
    trials = [(key, *owner) for key, owner in plan.trials.items() if key in wanted]
    place = {seed: position for position, seed in enumerate(plan.seeds)}
    trials.sort(key=lambda trial: (place[trial[2]] // abreast, -trial[1].macs * trial[1].variant.steps))
    return [_job(planned, seed, key) for key, planned, seed in trials]


def _job(planned: Planned, seed: int, key: str) -> Job:
    return job_of(planned.variant, planned.data_digest, key, seed, planned.variant.trained_seed(seed))


@contextmanager
def training(
    plan: Plan, terms: Terms, options: Options, execution: Execution, torch_version: str, observer: Observer
) -> Iterator[Train]:
    """A function that trains jobs, on workers and with a ledger that last as long as the context.

    Raises `LedgerError` for a ledger that cannot be joined, `ExecutorError` for an executor that is not there.
    """
    with ExitStack() as stack:
        queue = stack.enter_context(_ledger(plan, terms.folder, options, torch_version, observer))
        queue.carry(sorted(finished_keys(terms.folder)))
        seats: list[Seat] = []

        def train(jobs: Sequence[Job], after: After = nothing_more) -> None:
            if jobs and not seats:
                seats.extend(stack.enter_context(_seats(options, execution)))
            if jobs:
                Supervisor(jobs, queue, terms, observer, _import_report, after).run(seats)

        yield train


def _import_report() -> None:
    for path in REPORT:
        load_dotted(path)


def _ledger(plan: Plan, folder: Path, options: Options, torch_version: str, observer: Observer) -> Ledger:
    url = options.ledger
    return Ledger(
        file_place(folder) if url is None else server_place(folder, url),
        plan.study.config.name,
        RecordShelf(folder),
        agreement=None if url is None else agreement_of(plan, torch_version),
        on_wait=lambda cause: observer(LedgerWait(cause)),
        on_rebuilt=lambda cause, path: observer(LedgerRebuilt(cause, path)),
        on_alone=lambda: forget_failures(plan, folder, options.only),
    )


@contextmanager
def _seats(options: Options, execution: Execution) -> Iterator[list[Seat]]:
    """A worker a seat, the devices dealt out in turn; all are closed at the end."""
    devices = execution.device.split(",")
    with ExitStack() as stack:
        executor = load_dotted(lookup(EXECUTORS, options.executor, "executor"))(options.address)
        stack.callback(executor.close)
        count = options.workers or executor.slots(execution)
        seats = []
        for number in range(count):
            device = devices[number % len(devices)]
            worker = executor.worker(replace(execution, device=device))
            stack.callback(worker.close)
            seats.append(Seat(worker, device))
        yield seats
