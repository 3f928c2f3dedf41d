"""What is left to train: jobs, less those that this run or another one of the same study has ended."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.ledger import View
from ablate.records import (
    Record,
    Scored,
    checkpoint_path,
    failure_path,
    load_record,
    log_path,
    record_from_json,
    record_path,
    save_record,
    write_json,
)
from ablate.study.planning.variants import Variant
from ablate.study.running.events import Observer, TrialArrived, TrialFailed, TrialLeft, TrialTaken


@dataclass(frozen=True)
class Job:
    """One trial to run: what it is called, and what its worker is told."""

    key: str
    variant: str
    seed: int
    epochs: int
    task: dict[str, Any]


def job_of(
    variant: Variant, data_digest: str | None, key: str, seed: int, trained_seed: int, scored: Scored = "test"
) -> Job:
    """The trial `key` of `variant`, which tables know as `seed`, on the split that is `scored` in the end."""
    assert variant.data is not None
    assert variant.train is not None
    task = {
        "key": key,
        "seed": trained_seed,
        "scored": scored,
        "model": variant.model.as_task(),
        "data": variant.data.model_dump(mode="json"),
        "data_digest": data_digest,
        "train": variant.train.model_dump(mode="json"),
    }
    return Job(key, variant.name, seed, variant.epochs, task)


After = Callable[[Job], Sequence[Job]]
"""What is to run once a job has ended, here or elsewhere, well or not."""


def nothing_more(job: Job) -> Sequence[Job]:
    """Nothing follows on a job."""
    return ()


class Agenda:
    """The jobs that have not ended, in the order in which they are to begin; used from several threads."""

    def __init__(
        self, jobs: Sequence[Job], folder: Path, retries: int, observer: Observer, after: After = nothing_more
    ) -> None:
        self._left = {job.key: job for job in jobs}
        self._after = after
        self._folder, self._retries, self._observer = folder, retries, observer
        self._here: set[str] = set()
        self._elsewhere: set[str] = set()
        self._changed = threading.Condition(threading.RLock())

    def is_empty(self) -> bool:
        """Whether every job has ended."""
        return not self._left

    def wait(self, seconds: float) -> None:
        """Wait until a job ends or fails, or so many seconds have passed."""
        with self._changed:
            self._changed.wait(seconds)

    def next_of(self, view: View) -> str | None:
        """The first job that nobody works on, None if there is none; takes in what others have done."""
        with self._changed:
            self.take_in(view)
            for key in list(self._left):
                # What an attempt of this run ended with is told the ledger first, and noted here a moment later.
                if key not in self._here and key not in view.running and not self._has_ended(key):
                    return key
        return None

    def take_in(self, view: View) -> None:
        """Close what other runs have finished or given up, and note what they work on."""
        with self._changed:
            while known := self._left.keys() & view.records.keys() - self._here:  # what follows on one may be known too
                for key in known:
                    self.keep(key, view.records[key])
            elsewhere = {key for key in view.running if key in self._left and key not in self._here}
            for key in sorted(self._elsewhere - elsewhere - self._here):
                if key in self._left and not self._has_arrived(key):
                    self._observer(TrialLeft(self._left[key].variant, self._left[key].seed))
            for key in sorted(elsewhere - self._elsewhere):
                job = self._left[key]
                self._observer(TrialTaken(job.variant, job.seed, view.running[key]))
            self._elsewhere = elsewhere
            for key, causes in view.failures.items():
                if key in self._left and not (key in view.running or key in self._here) and len(causes) > self._retries:
                    self._note_failure(self._left[key], causes)

    def called(self, key: str) -> str:
        """What people call the job `key`, which has not ended."""
        job = self._left[key]
        return f"{job.variant} seed {job.seed}"

    def begin(self, key: str) -> Job:
        """This run works on `key` now."""
        with self._changed:
            self._here.add(key)
            return self._left[key]

    def leave(self, key: str) -> None:
        """This run does not work on `key` any more; it has not ended."""
        with self._changed:
            self._here.discard(key)
            self._changed.notify_all()

    def fail(self, key: str, causes: Sequence[str]) -> None:
        """An attempt of this run has failed, the last of `causes`; the job ends when there were too many.

        Without causes the ledger knows of none: it took this run for dead, and others have the job.
        """
        with self._changed:
            self.leave(key)
            if causes and key in self._left:  # else another run has ended it
                self._note_failure(self._left[key], causes)

    def finish(self, key: str) -> None:
        """The record of `key` is written and told."""
        with self._changed:
            self.leave(key)
            checkpoint_path(self._folder, key).unlink(missing_ok=True)
            failure_path(self._folder, key).unlink(missing_ok=True)
            self._close(key)

    def keep(self, key: str, text: str) -> None:
        """Have the record that another host has made; raises `ResultsError` for one that cannot be read."""
        record = record_from_json(text, key, f"the ledger's record of {key}")
        save_record(self._folder, record)
        if key in self._left and key not in self._here:
            self._arrive(record)

    def _close(self, key: str) -> None:
        """The job has ended: what follows on it takes its place."""
        job = self._left.pop(key, None)
        for successor in () if job is None else self._after(job):
            self._left[successor.key] = successor

    def _has_ended(self, key: str) -> bool:
        """Whether another run of this folder has ended `key`, which then is closed: well, or, of what is chosen from in
        view of that, for good."""
        is_given_up = (
            key in self._left
            and self._left[key].task["scored"] == "validation"
            and failure_path(self._folder, key).exists()
        )
        if is_given_up:
            self._close(key)
        return is_given_up or self._has_arrived(key)

    def _has_arrived(self, key: str) -> bool:
        """Whether another run has written the record of `key`, which then is closed."""
        if key not in self._left or not record_path(self._folder, key).exists():
            return False
        record = load_record(self._folder, key)
        if record is not None:
            self._arrive(record)
        return record is not None

    def _arrive(self, record: Record) -> None:
        job = self._left[record.key]
        self.finish(record.key)
        self._observer(TrialArrived(job.variant, job.seed, record.state, record.metrics["accuracy"]))

    def _note_failure(self, job: Job, causes: Sequence[str]) -> None:
        log = log_path(self._folder, job.key)
        final = len(causes) > self._retries
        if final:
            attempts = [{"cause": cause, "log": f"logs/{log.name}"} for cause in causes]
            failure = {"key": job.key, "variant": job.variant, "seed": job.seed, "attempts": attempts}
            write_json(failure_path(self._folder, job.key), failure)
            self._close(job.key)
            self._changed.notify_all()
        outlook = "given up" if final else "will be tried again"
        self._observer(TrialFailed(job.variant, job.seed, causes[-1], log, outlook))
