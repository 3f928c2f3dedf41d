"""Training what is missing: a thread a worker claims trials from the ledger until all have ended, here or elsewhere."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.errors import AblateError, ResultsError
from ablate.executors.contract import Call, CallFailed, Worker
from ablate.ledger import Claim, Ledger, Stopped
from ablate.occupancy import among_others
from ablate.records import Record, checkpoint_path, log_path, record_from_json, save_record
from ablate.study.running.agenda import After, Agenda, Job, nothing_more
from ablate.study.running.events import EpochDone, Event, Observer, StepDone, TrialFinished, TrialStarted

LOOK_SECONDS = 2.0  # between two looks at what other runs do


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The rules of one run. `function` is the trial, by dotted name; `deadline` is of `time.monotonic`.

    `environment` gives the id in environment.json of the machine that a worker names, None for this one.
    """

    folder: Path
    function: str
    environment: Callable[[dict[str, Any] | None], str]
    retries: int
    timeout_seconds: float | None
    silence_seconds: float | None
    deadline: float


@dataclass(frozen=True)
class Seat:
    """A worker and the device that it trains on."""

    worker: Worker
    device: str


class Supervisor:
    """Runs jobs on workers and sees to it that each ends as a record, or as a row that says why not.

    `meanwhile` is called, more than once and by any thread, while a worker has no trial to run and others still do.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        queue: Ledger,
        terms: Terms,
        observer: Observer,
        meanwhile: Callable[[], object] = lambda: None,
        after: After = nothing_more,
    ) -> None:
        self._queue, self._terms, self._observer, self._meanwhile = queue, terms, observer, meanwhile
        self._agenda = Agenda(jobs, terms.folder, terms.retries, observer, after)
        self._stopped = threading.Event()

    def run(self, seats: Sequence[Seat]) -> None:
        """Return when every job has ended, the deadline has passed, or an interrupt stops it, which passes through."""
        with ThreadPoolExecutor(len(seats) + 1) as threads:
            serving = [threads.submit(self._serve, seat) for seat in seats]
            looking = threads.submit(self._look, serving)
            try:
                # This thread takes none of the locks that the others share: an interrupt, which comes to it wherever it
                # is, could leave one of them locked.
                done, _ = wait([*serving, looking], return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                self._stop(seats)
                raise

    def _look(self, serving: Sequence[Future[None]]) -> None:
        """Look at what other runs do, as long as the threads serve."""
        with suppress(Stopped):
            while wait(serving, timeout=LOOK_SECONDS).not_done and not self._stopped.is_set():
                self._queue.claim(self._agenda.take_in)

    def _stop(self, seats: Sequence[Seat]) -> None:
        """Have every thread return, whatever its worker is doing."""
        self._stopped.set()
        self._queue.stop()
        for seat in seats:
            seat.worker.close()

    def _serve(self, seat: Seat) -> None:
        with suppress(Stopped):
            while (claim := self._next()) is not None:
                self._attempt(claim, seat)

    def _next(self) -> Claim | None:
        """A claim as soon as there is one to have; None when every job has ended, or none may begin any more."""
        while not self._stopped.is_set() and time.monotonic() <= self._terms.deadline:
            claim = self._queue.claim(self._agenda.next_of, self._agenda.called)
            if claim is not None or self._agenda.is_empty():
                return claim
            self._meanwhile()
            self._agenda.wait(LOOK_SECONDS)
        return None

    def _attempt(self, claim: Claim, seat: Seat) -> None:
        job, began = self._agenda.begin(claim.key), time.monotonic()
        try:
            record = self._train(job, claim, seat)
        except CallFailed as error:
            self._fail(claim, error.cause)
        except BaseException:
            self._give_back(claim)
            raise
        else:
            self._complete(claim)
            seconds = time.monotonic() - began
            self._observer(TrialFinished(job.variant, job.seed, record.state, record.metrics["accuracy"], seconds))

    def _train(self, job: Job, claim: Claim, seat: Seat) -> Record:
        """The record of one attempt, written; raises `CallFailed` when it has none."""
        terms = self._terms
        task = {**job.task, "device": seat.device, "checkpoint": str(checkpoint_path(terms.folder, job.key).resolve())}
        log = log_path(terms.folder, job.key)
        call = Call(terms.function, task, log, terms.timeout_seconds, terms.silence_seconds)
        self._observer(TrialStarted(job.variant, job.seed, job.epochs))
        with among_others(seat.device, self._check_stopped):
            result = seat.worker.run(call, lambda progress: self._observer(_progress(job, progress)))
        machine = terms.environment(seat.worker.machine)
        record = _record({**result, "attempts": claim.attempt, "environment": machine}, job.key)
        save_record(terms.folder, record)
        return record

    def _complete(self, claim: Claim) -> None:
        """Tell that the record is written; another host, which took this one for dead, may have told its own before."""
        told_before = self._queue.complete(claim)
        if told_before is not None:
            self._agenda.keep(claim.key, told_before)
        self._agenda.finish(claim.key)

    def _fail(self, claim: Claim, cause: str) -> None:
        if self._stopped.is_set():  # the worker was closed under it: no fault of the trial
            self._give_back(claim)
        else:
            self._agenda.fail(claim.key, self._queue.fail(claim, cause))

    def _give_back(self, claim: Claim) -> None:
        """Let others have the key; where the ledger cannot be told, it sees this run's end."""
        with suppress(Stopped, AblateError):
            self._queue.fail(claim, None)
        self._agenda.leave(claim.key)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise CallFailed("the run was stopped")


def _record(result: dict[str, Any], key: str) -> Record:
    """What a trial has returned, as a record; raises `CallFailed` for what is none."""
    try:
        return record_from_json(json.dumps(result), key, "what the trial returned")
    except ResultsError as error:
        raise CallFailed(str(error)) from error


def _progress(job: Job, progress: dict[str, Any]) -> Event:
    if "epoch" not in progress:
        return StepDone(job.variant, job.seed, progress["step"], progress["steps"], progress["step_seconds"])
    return EpochDone(job.variant, job.seed, progress["epoch"], progress["train_loss"], progress["train_accuracy"])
