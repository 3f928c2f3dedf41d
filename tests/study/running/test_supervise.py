"""From jobs to records: attempts, failures, the deadline, interrupts. Trials are free of torch."""

import hashlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablate.executors.contract import Call, CallFailed
from ablate.ledger import Ledger, file_place
from ablate.records import failure_path, load_record, read_json, record_path, save_record
from ablate.study.running.agenda import Job
from ablate.study.running.events import EpochDone, TrialFailed, TrialFinished, TrialStarted
from ablate.study.running.shelf import RecordShelf
from ablate.study.running.supervise import Seat, Supervisor, Terms

Progress = Callable[[dict[str, Any]], None]

PATIENCE_SECONDS = 30


class Script:
    """Workers in this process; `answers` has, for a key, what its calls give: an exception, or a record."""

    def __init__(self, make_record: Any, **answers: list[Exception]) -> None:
        self.make_record = make_record
        self.answers = {key_of(name): answer for name, answer in answers.items()}
        self.calls: list[Call] = []
        self.closed = 0

    machine: dict[str, Any] | None = None

    def run(self, call: Call, on_progress: Progress) -> dict[str, Any]:
        self.calls.append(call)
        key = call.task["key"]
        on_progress({"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.5})
        if self.answers.get(key):
            raise self.answers[key].pop(0)
        record = self.make_record(key, call.task["seed"], 0.5)
        return {**record.__dict__, "environment": "", "attempts": 1}

    def close(self) -> None:
        self.closed += 1

    @property
    def keys(self) -> list[str]:
        """What tests call the jobs that were run."""
        names = {key_of(name): name for name in ("a", "b", "c", *(f"k{number:02}" for number in range(24)))}
        return [names[call.task["key"]] for call in self.calls]


def key_of(name: str) -> str:
    """The key of the job that tests call `name`."""
    return hashlib.sha256(name.encode()).hexdigest()


def job(name: str, seed: int = 0) -> Job:
    return Job(key_of(name), f"variant {name}", seed, 3, {"key": key_of(name), "seed": seed, "scored": "test"})


class Bench:
    """Supervises jobs in `folder`, with what an observer was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Any] = []
        self.meanwhile = threading.Event()

    def supervise(
        self, jobs: list[Job], worker: Any, observer: Callable[[Any], None] | None = None, **terms: Any
    ) -> None:
        stated: dict[str, Any] = {
            "retries": 1,
            "timeout_seconds": None,
            "silence_seconds": None,
            "deadline": math.inf,
            "workers": 1,
            **terms,
        }
        seats = [Seat(worker, "cpu")] * stated.pop("workers")
        agreed = Terms(folder=self.folder, function="a:b", environment=self.environment, **stated)
        with Ledger(file_place(self.folder), "toy", RecordShelf(self.folder)) as queue:
            told = observer or self.events.append
            Supervisor(jobs, queue, agreed, told, self.meanwhile.set).run(seats)

    def environment(self, machine: dict[str, Any] | None) -> str:
        return "env" if machine is None else machine["name"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_every_job_becomes_a_record_in_order(bench: Bench, make_record: Any) -> None:
    script = Script(make_record)
    bench.supervise([job("a", 3), job("b", 4)], script, timeout_seconds=7.5, silence_seconds=60.0)
    assert script.keys == ["a", "b"]
    task = {
        "key": key_of("a"),
        "seed": 3,
        "scored": "test",
        "device": "cpu",
        "checkpoint": str(bench.folder / "checkpoints" / f"{key_of('a')}.pt"),
    }
    assert script.calls[0] == Call("a:b", task, bench.folder / "logs" / f"{key_of('a')}.log", 7.5, 60.0)
    record = load_record(bench.folder, key_of("b"))
    assert record is not None
    assert (record.seed, record.attempts, record.environment) == (4, 1, "env")


def test_an_observer_is_told_of_every_step(bench: Bench, make_record: Any) -> None:
    bench.supervise([job("a", 3)], Script(make_record))
    started, epoch, finished = bench.events
    assert started == TrialStarted("variant a", 3, 3)
    assert epoch == EpochDone("variant a", 3, 1, 2.0, 0.5)
    assert (finished.variant, finished.seed, finished.state, finished.accuracy) == ("variant a", 3, "complete", 0.5)


def test_a_job_whose_record_is_there_already_is_not_run(bench: Bench, make_record: Any) -> None:
    save_record(bench.folder, make_record(key_of("a"), 0, 0.25))
    script = Script(make_record)
    bench.supervise([job("a"), job("b")], script)
    assert script.keys == ["b"]
    assert load_record(bench.folder, key_of("a")) == make_record(key_of("a"), 0, 0.25)


class TestFailures:
    def test_success_after_a_failure_counts_both_attempts(self, bench: Bench, make_record: Any) -> None:
        script = Script(make_record, a=[CallFailed("boom")])
        bench.supervise([job("a")], script)
        record = load_record(bench.folder, key_of("a"))
        assert record is not None
        assert record.attempts == 2
        assert not failure_path(bench.folder, key_of("a")).exists()
        (failed,) = [event for event in bench.events if isinstance(event, TrialFailed)]
        log = bench.folder / "logs" / f"{key_of('a')}.log"
        assert failed == TrialFailed("variant a", 0, "boom", log, "will be tried again")

    @pytest.mark.parametrize("retries", [0, 2])
    def test_a_job_that_goes_on_failing_is_given_up(self, bench: Bench, make_record: Any, retries: int) -> None:
        script = Script(make_record, a=[CallFailed(f"boom {number}") for number in range(9)])
        bench.supervise([job("a", 5), job("b")], script, retries=retries)
        assert script.keys.count("a") == retries + 1
        assert script.keys.count("b") == 1
        assert read_json(failure_path(bench.folder, key_of("a"))) == {
            "key": key_of("a"),
            "variant": "variant a",
            "seed": 5,
            "attempts": [
                {"cause": f"boom {number}", "log": f"logs/{key_of('a')}.log"} for number in range(retries + 1)
            ],
        }
        outlooks = [event.outlook for event in bench.events if isinstance(event, TrialFailed)]
        assert outlooks == ["will be tried again"] * retries + ["given up"]
        assert not record_path(bench.folder, key_of("a")).exists()

    def test_the_next_run_tries_a_failed_job_afresh(self, bench: Bench, make_record: Any) -> None:
        script = Script(make_record, a=[CallFailed("boom")] * 3)
        bench.supervise([job("a")], script)
        assert failure_path(bench.folder, key_of("a")).exists()
        bench.supervise([job("a")], script)
        record = load_record(bench.folder, key_of("a"))
        assert record is not None
        assert (script.keys, record.attempts) == (["a"] * 4, 4)
        assert not failure_path(bench.folder, key_of("a")).exists()

    def test_a_diverged_trial_is_an_outcome_and_not_tried_again(self, bench: Bench, make_record: Any) -> None:
        class Diverging(Script):
            def run(self, call: Call, on_progress: Progress) -> dict[str, Any]:
                record = super().run(call, on_progress)
                return {**record, "state": "diverged", "metrics": {**record["metrics"], "test_loss": None}}

        script = Diverging(make_record)
        bench.supervise([job("a")], script)
        record = load_record(bench.folder, key_of("a"))
        assert record is not None
        assert (record.state, script.keys) == ("diverged", ["a"])
        (finished,) = [event for event in bench.events if isinstance(event, TrialFinished)]
        assert (finished.state, finished.accuracy) == ("diverged", 0.5)

    def test_what_is_no_record_is_a_failed_attempt(self, bench: Bench, make_record: Any) -> None:
        class Lying(Script):
            def run(self, call: Call, on_progress: Progress) -> dict[str, Any]:
                return {**super().run(call, on_progress), "steps": "many"}

        bench.supervise([job("a")], Lying(make_record))
        (cause, _) = [attempt["cause"] for attempt in read_json(failure_path(bench.folder, key_of("a")))["attempts"]]
        assert cause.startswith("what the trial returned: ")
        assert "steps" in cause
        assert not record_path(bench.folder, key_of("a")).exists()


class TestStopping:
    def test_no_trial_begins_after_the_deadline(self, bench: Bench, make_record: Any) -> None:
        script = Script(make_record)
        bench.supervise([job("a")], script, deadline=time.monotonic() - 1)
        assert script.keys == []
        bench.supervise([job("a")], script, deadline=math.inf)
        assert script.keys == ["a"]

    def test_a_trial_that_runs_at_the_deadline_is_finished(
        self, bench: Bench, make_record: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script, now = Script(make_record), 0.0
        monkeypatch.setattr("ablate.study.running.supervise.time.monotonic", lambda: now)

        def observe(event: Any) -> None:
            nonlocal now
            now += 60 * isinstance(event, TrialFinished)

        bench.supervise([job("a"), job("b"), job("c")], script, observe, deadline=100.0)
        assert script.keys == ["a", "b"]

    def test_an_interrupt_stops_the_workers_and_passes_through(self, bench: Bench, make_record: Any) -> None:
        closed = threading.Event()

        class Waiting(Script):
            def run(self, call: Call, on_progress: Progress) -> dict[str, Any]:
                super().run(call, on_progress)
                os.kill(os.getpid(), signal.SIGINT)
                assert closed.wait(30)
                raise CallFailed("the worker was killed by signal 9")

            def close(self) -> None:
                super().close()
                closed.set()

        waiting = Waiting(make_record)
        with pytest.raises(KeyboardInterrupt):
            bench.supervise([job("a"), job("b")], waiting)
        assert waiting.keys == ["a"]
        assert not failure_path(bench.folder, key_of("a")).exists()
        assert [event for event in bench.events if isinstance(event, TrialFailed)] == []
        script = Script(make_record)
        bench.supervise([job("a"), job("b")], script)
        assert sorted(script.keys) == ["a", "b"]

    def test_what_is_no_trial_s_failure_ends_the_run_at_once(self, bench: Bench, make_record: Any) -> None:
        """One worker waits for ever; the other meets a mistake of this program."""
        closed = threading.Event()

        class Stuck(Script):
            def run(self, call: Call, on_progress: Progress) -> dict[str, Any]:
                if call.task["key"] == key_of("b"):
                    raise ZeroDivisionError
                assert closed.wait(30), "nobody stopped this worker"
                raise CallFailed("the worker was killed by signal 9")

            def close(self) -> None:
                closed.set()

        with pytest.raises(ZeroDivisionError):
            bench.supervise([job("a"), job("b")], Stuck(make_record), workers=2)

    def test_an_observer_that_fails_ends_the_run(self, bench: Bench, make_record: Any) -> None:
        def observe(_event: Any) -> None:
            raise OSError("the terminal is gone")

        with pytest.raises(OSError, match="terminal"):
            bench.supervise([job("a")], Script(make_record), observe)


def test_many_workers_share_the_jobs(bench: Bench, make_record: Any) -> None:
    """Threads race for the ledger here: a job must never be taken twice, nor looked up after it has ended."""
    script = Script(make_record)
    keys = [f"k{number:02}" for number in range(24)]
    bench.supervise([job(key) for key in keys], script, workers=4)
    assert sorted(script.keys) == keys


def test_while_the_last_trial_runs_a_worker_without_one_leaves_time(bench: Bench, make_record: Any) -> None:
    class Patient(Script):
        def run(self, call: Call, on_progress: Progress) -> dict[str, Any]:
            assert call.task["key"] == key_of("a") or bench.meanwhile.wait(PATIENCE_SECONDS)
            return super().run(call, on_progress)

    bench.supervise([job("a"), job("b")], Patient(make_record), workers=2)
    assert load_record(bench.folder, key_of("b")) is not None


def test_one_worker_has_a_trial_until_the_end(bench: Bench, make_record: Any) -> None:
    bench.supervise([job("a"), job("b")], Script(make_record))
    assert not bench.meanwhile.is_set()
