"""Training what is missing: one supervisor thread a worker claims trials from the ledger until none is left."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablate import ledger
from ablate.executors.contract import Call, CallFailed, Execution, Worker
from ablate.ledger import Ledger
from ablate.occupancy import among_others
from ablate.records import Record, failure_path, load_record, log_path, save_record, write_json
from ablate.study.events import EpochDone, Observer, TrialFailed, TrialFinished, TrialStarted


@dataclass(frozen=True)
class Job:
    """One trial to run: what it is called, and what its worker is told."""

    key: str
    variant: str
    seed: int
    epochs: int
    task: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The rules of one run. `function` is the trial, by dotted name; `deadline` is of `time.monotonic`, or None."""

    folder: Path
    function: str
    execution: Execution
    environment: str
    retries: int
    timeout_seconds: float | None
    deadline: float | None


class Supervisor:
    """Runs jobs on workers and sees to it that each ends as a record, or as a row that says why not."""

    def __init__(self, jobs: list[Job], queue: Ledger, terms: Terms, observer: Observer) -> None:
        self._jobs = {job.key: job for job in jobs}
        self._queue, self._terms, self._observer = queue, terms, observer
        self._causes: dict[str, list[dict[str, str]]] = {}
        self._earlier: Counter[str] = queue.release_dead()
        self._stopped = threading.Event()
        self._changing = threading.Lock()

    def run(self, new_worker: Callable[[Execution], Worker]) -> None:
        """Return when no job is left, the deadline has passed, or an interrupt stops it, which then passes through."""
        workers = [new_worker(self._terms.execution) for _ in range(self._terms.execution.workers)]
        with ThreadPoolExecutor(len(workers)) as threads:
            serving = [threads.submit(self._serve, worker) for worker in workers]
            try:
                while not _ended(serving):
                    wait(serving, timeout=0.5, return_when=FIRST_EXCEPTION)
            finally:
                self._stopped.set()
                for worker in workers:
                    worker.close()
        for future in serving:
            future.result()

    def _serve(self, worker: Worker) -> None:
        while self._queue.run_next(self._pending, lambda key: self._attempt(self._jobs[key], worker)) is not None:
            pass

    def _pending(self) -> list[str]:
        deadline = self._terms.deadline
        if self._stopped.is_set() or (deadline is not None and time.monotonic() > deadline):
            return []
        with self._changing:
            return list(self._jobs)

    def _attempt(self, job: Job, worker: Worker) -> float:
        """The value of one attempt at `job`; raises `ledger.TrialFailed` when it has none."""
        record = load_record(self._terms.folder, job.key) or self._train(job, worker)
        self._forget(job)
        return record.metrics["accuracy"] or 0.0

    def _train(self, job: Job, worker: Worker) -> Record:
        log = log_path(self._terms.folder, job.key)
        call = Call(self._terms.function, job.task, log, self._terms.timeout_seconds)
        self._observer(TrialStarted(job.variant, job.seed, job.epochs))
        started = time.monotonic()
        try:
            with among_others(self._terms.execution.device, self._check_stopped):
                result = worker.run(call, lambda progress: self._observer(_epoch_done(job, progress)))
        except CallFailed as error:
            self._note_failure(job, error.cause, log)
            raise ledger.TrialFailed(error.cause) from error
        attempts = self._earlier[job.key] + len(self._causes.get(job.key, [])) + 1
        record = replace(Record(**result), attempts=attempts, environment=self._terms.environment)
        save_record(self._terms.folder, record)
        failure_path(self._terms.folder, job.key).unlink(missing_ok=True)
        seconds = time.monotonic() - started
        self._observer(TrialFinished(job.variant, job.seed, record.state, record.metrics["accuracy"], seconds))
        return record

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise CallFailed("the run was stopped")

    def _note_failure(self, job: Job, cause: str, log: Path) -> None:
        if self._stopped.is_set():  # the worker was closed under it: no fault of the trial
            return
        causes = self._causes.setdefault(job.key, [])
        causes.append({"cause": cause, "log": f"logs/{log.name}"})
        final = len(causes) > self._terms.retries
        if final:
            failure = {"key": job.key, "variant": job.variant, "seed": job.seed, "attempts": causes}
            write_json(failure_path(self._terms.folder, job.key), failure)
            self._forget(job)
        outlook = "given up" if final else "will be tried again"
        self._observer(TrialFailed(job.variant, job.seed, cause, log, outlook))

    def _forget(self, job: Job) -> None:
        with self._changing:
            self._jobs.pop(job.key, None)


def _ended(serving: list[Future[None]]) -> bool:
    """Whether all threads have returned, or one has raised what no trial may raise, which ends the run."""
    done = [future for future in serving if future.done()]
    return len(done) == len(serving) or any(future.exception() is not None for future in done)


def _epoch_done(job: Job, progress: dict[str, Any]) -> EpochDone:
    return EpochDone(job.variant, job.seed, progress["epoch"], progress["train_loss"], progress["train_accuracy"])
