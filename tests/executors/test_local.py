"""Workers as processes: what they answer, how they die, and that they never outlive their parent."""

import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from ablate.executors.contract import Call, CallFailed, Execution
from ablate.executors.local import LocalWorker

PATIENCE_SECONDS = 30

Progress = list[dict[str, Any]]


@pytest.fixture
def worker(engine_path: Path) -> Iterator[LocalWorker]:
    assert engine_path.is_dir()
    made = LocalWorker(Execution(device="cpu", workers=1, threads=3))
    yield made
    made.close()


def call(folder: Path, function: str, timeout_seconds: float | None = None, **task: Any) -> Call:
    return Call(f"engine_functions:{function}", task, folder / "logs" / f"{function}.log", timeout_seconds)


def log(folder: Path, function: str) -> str:
    return (folder / "logs" / f"{function}.log").read_text()


def cause(worker: LocalWorker, wanted: Call) -> str:
    with pytest.raises(CallFailed) as failed:
        worker.run(wanted, lambda _: None)
    assert str(failed.value) == failed.value.cause
    return failed.value.cause


def test_a_call_gives_its_result_after_its_progress(worker: LocalWorker, tmp_path: Path) -> None:
    told: Progress = []
    result = worker.run(call(tmp_path, "echo", progress=3, text="ä\n"), told.append)
    assert result["task"] == {"progress": 3, "text": "ä\n"}
    assert told == [{"number": 0}, {"number": 1}, {"number": 2}]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="told to glibc's allocator")
def test_memory_once_had_is_not_given_back_to_be_asked_for_again(worker: LocalWorker, tmp_path: Path) -> None:
    """64 MiB are 16,384 pages of 4 KiB, each of which would be one fault if the kernel had to give it anew."""
    assert worker.run(call(tmp_path, "page_faults", bytes=64 * 2**20), lambda _: None)["faults"] < 100


def test_one_process_serves_call_after_call_with_its_threads_and_without_torch(
    worker: LocalWorker, tmp_path: Path
) -> None:
    first, second = (worker.run(call(tmp_path, "echo"), lambda _: None) for _ in range(2))
    assert first["pid"] == second["pid"]
    assert set(first["threads"].values()) == {"3"}
    assert first["torch"] is False


def test_what_a_function_prints_goes_to_its_log_and_never_into_the_answers(worker: LocalWorker, tmp_path: Path) -> None:
    told: Progress = []
    assert worker.run(call(tmp_path, "noisy"), told.append) == {"answer": 42}
    assert told == [{"still": "here"}]
    written = log(tmp_path, "noisy")
    assert "another lie" in written
    assert "a warning" in written
    assert "from a child" in written


def test_logs_are_apart_and_a_second_attempt_adds_to_the_first(worker: LocalWorker, tmp_path: Path) -> None:
    for _ in range(2):
        worker.run(call(tmp_path, "noisy"), lambda _: None)
    worker.run(call(tmp_path, "echo"), lambda _: None)
    assert log(tmp_path, "noisy").count("a warning") == 2
    assert log(tmp_path, "echo") == ""


class TestFailures:
    def test_an_exception_is_named_in_one_line_and_told_in_the_log(self, worker: LocalWorker, tmp_path: Path) -> None:
        assert cause(worker, call(tmp_path, "raises", message="bad\nworse")) == "ValueError: bad"
        assert 'raise ValueError(task["message"])' in log(tmp_path, "raises")
        assert "worse" in log(tmp_path, "raises")

    def test_an_exception_without_words_has_a_cause_too(self, worker: LocalWorker, tmp_path: Path) -> None:
        assert cause(worker, call(tmp_path, "raises", message="")) == "ValueError: no message"

    def test_a_function_that_does_not_exist_is_a_cause(self, worker: LocalWorker, tmp_path: Path) -> None:
        assert cause(worker, call(tmp_path, "nowhere")).startswith("AttributeError: module 'engine_functions'")

    def test_a_process_that_exits_says_with_what(self, worker: LocalWorker, tmp_path: Path) -> None:
        assert cause(worker, call(tmp_path, "exits", status=7)) == "the worker exited with status 7"

    def test_a_process_that_is_killed_says_by_what(self, worker: LocalWorker, tmp_path: Path) -> None:
        assert cause(worker, call(tmp_path, "kills_itself")) == "the worker was killed by signal 9"

    def test_a_call_that_takes_too_long_is_killed(self, worker: LocalWorker, tmp_path: Path) -> None:
        told: Progress = []
        with pytest.raises(CallFailed, match=r"^took longer than trial_timeout_minutes allows \(0\.03 minutes\)$"):
            worker.run(call(tmp_path, "hangs", timeout_seconds=1.8), told.append)
        assert not psutil.pid_exists(told[0]["pid"])

    @pytest.mark.parametrize(("what", "expected"), [("set", "TypeError: "), ("nan", "ValueError: ")])
    def test_a_result_that_json_cannot_hold_is_the_function_s_failure(
        self, worker: LocalWorker, tmp_path: Path, what: str, expected: str
    ) -> None:
        assert cause(worker, call(tmp_path, "returns_what_json_cannot_hold", what=what)).startswith(expected)
        assert "Traceback" in log(tmp_path, "returns_what_json_cannot_hold")

    def test_an_observer_that_raises_ends_the_call_and_the_process(self, worker: LocalWorker, tmp_path: Path) -> None:
        told: Progress = []

        def observe(progress: dict[str, Any]) -> None:
            told.append(progress)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            worker.run(call(tmp_path, "hangs"), observe)
        assert not psutil.pid_exists(told[0]["pid"])

    def test_the_call_after_a_failure_finds_a_fresh_process(self, worker: LocalWorker, tmp_path: Path) -> None:
        before = worker.run(call(tmp_path, "echo"), lambda _: None)
        cause(worker, call(tmp_path, "raises", message="bad"))
        after = worker.run(call(tmp_path, "echo"), lambda _: None)
        assert before["pid"] != after["pid"]
        assert not psutil.pid_exists(before["pid"])

    def test_a_process_that_died_between_calls_is_replaced(self, worker: LocalWorker, tmp_path: Path) -> None:
        before = worker.run(call(tmp_path, "echo"), lambda _: None)
        process = psutil.Process(before["pid"])
        process.kill()
        psutil.wait_procs([process], timeout=PATIENCE_SECONDS)
        after = worker.run(call(tmp_path, "echo"), lambda _: None)
        assert after["pid"] != before["pid"]


class TestClosing:
    def test_a_worker_can_be_closed_from_another_thread_amid_a_call(self, worker: LocalWorker, tmp_path: Path) -> None:
        started = threading.Event()
        told: Progress = []

        def observe(progress: dict[str, Any]) -> None:
            told.append(progress)
            started.set()

        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(worker.run, call(tmp_path, "hangs"), observe)
            assert started.wait(PATIENCE_SECONDS)
            worker.close()
            with pytest.raises(CallFailed, match="killed by signal 9"):
                running.result(PATIENCE_SECONDS)
        assert not psutil.pid_exists(told[0]["pid"])

    def test_a_closed_worker_takes_no_calls(self, worker: LocalWorker, tmp_path: Path) -> None:
        process = worker.run(call(tmp_path, "echo"), lambda _: None)["pid"]
        worker.close()
        assert not psutil.pid_exists(process)
        assert cause(worker, call(tmp_path, "echo")) == "the run was stopped"
        worker.close()

    @pytest.mark.usefixtures("engine_path")
    def test_a_worker_dies_amid_a_call_when_its_parent_is_killed(self, tmp_path: Path) -> None:
        program = """
import sys
from pathlib import Path
from ablate.executors.contract import Call, Execution
from ablate.executors.local import LocalWorker
worker = LocalWorker(Execution("cpu", 1, 1))
call = Call("engine_functions:hangs", {}, Path(sys.argv[1]), None)
worker.run(call, lambda progress: print(progress["pid"], flush=True))
"""
        parent = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
        )
        with parent:
            assert parent.stdout is not None
            process = psutil.Process(int(parent.stdout.readline()))
            parent.kill()
        gone, alive = psutil.wait_procs([process], timeout=PATIENCE_SECONDS)
        assert (len(gone), alive) == (1, [])
