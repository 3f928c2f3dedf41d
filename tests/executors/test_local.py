"""Workers as processes: what they answer, how they die, and that they never outlive their parent."""

import os
import platform
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from ablate.errors import ExecutorError
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.executors.local import LocalExecutor, LocalWorker, cores_of

PATIENCE_SECONDS = 30

Progress = list[dict[str, Any]]


@pytest.fixture
def worker(engine_path: Path) -> Iterator[LocalWorker]:
    assert engine_path.is_dir()
    made = LocalWorker(Execution(device="cpu", workers=1, threads=3))
    yield made
    made.close()


def call(
    folder: Path,
    function: str,
    timeout_seconds: float | None = None,
    silence_seconds: float | None = None,
    **task: Any,
) -> Call:
    path = folder / "logs" / f"{function}.log"
    return Call(f"engine_functions:{function}", task, path, timeout_seconds, silence_seconds)


def log(folder: Path, function: str) -> str:
    return (folder / "logs" / f"{function}.log").read_text()


def cause(worker: LocalWorker, wanted: Call) -> str:
    with pytest.raises(CallFailed) as failed:
        worker.run(wanted, lambda _: None)
    assert str(failed.value) == failed.value.cause
    return failed.value.cause


def await_answer(worker: LocalWorker) -> None:
    """Until `worker` has said something that is not read yet."""
    assert worker._process is not None
    select.select([worker._process.stdout], [], [], PATIENCE_SECONDS)


def test_a_call_gives_its_result_after_its_progress(worker: LocalWorker, tmp_path: Path) -> None:
    told: Progress = []
    result = worker.run(call(tmp_path, "echo", progress=3, text="ä\n"), told.append)
    assert result["task"] == {"progress": 3, "text": "ä\n"}
    assert told == [{"number": 0}, {"number": 1}, {"number": 2}]


class TestCores:
    @pytest.mark.parametrize(
        ("execution", "cores"),
        [
            (Execution("cpu", workers=2, threads=2), [(3, 5), (8, 9), (3, 5)]),
            (Execution("cpu", workers=4, threads=1), [(3,), (5,), (8,)]),
            (Execution("cpu", workers=1, threads=4), [(), (), ()]),
            (Execution("cpu", workers=2, threads=1), [(), (), ()]),  # a second run may want the rest
            (Execution("cpu", workers=4, threads=2), [(), (), ()]),
            (Execution("cuda:0", workers=2, threads=2), [(), (), ()]),
        ],
    )
    def test_workers_that_fill_the_machine_share_it_out(
        self, monkeypatch: pytest.MonkeyPatch, execution: Execution, cores: list[tuple[int, ...]]
    ) -> None:
        monkeypatch.setattr("os.sched_getaffinity", lambda process: {9, 3, 8, 5}, raising=False)
        assert [cores_of(place, execution) for place in range(3)] == cores

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads cannot be kept on cores here")
    @pytest.mark.usefixtures("engine_path")
    def test_a_worker_stays_on_its_own(self, tmp_path: Path) -> None:
        every = sorted(os.sched_getaffinity(0))
        executor = LocalExecutor()
        workers = [executor.worker(Execution("cpu", len(every), 1)) for _ in every]
        found = [each.run(call(tmp_path, "affinity"), lambda _: None)["cores"] for each in workers]
        for each in workers:
            each.close()
        assert found == [[core] for core in every]

    def test_a_core_that_is_gone_does_not_matter(self, engine_path: Path) -> None:
        made = LocalWorker(Execution("cpu", 2, 1), cores=[100_000])
        assert made.run(call(engine_path, "echo"), lambda _: None)
        made.close()


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

    @pytest.mark.parametrize(
        ("number", "named"),
        [
            (signal.SIGKILL, "9 (SIGKILL; the machine may be out of memory)"),
            (signal.SIGSEGV, "11 (SIGSEGV)"),
            (signal.SIGABRT, "6 (SIGABRT)"),
            (signal.SIGRTMIN + 1, f"{signal.SIGRTMIN + 1}"),
        ],
    )
    def test_a_process_that_is_killed_says_by_what(
        self, worker: LocalWorker, tmp_path: Path, number: int, named: str
    ) -> None:
        assert (
            cause(worker, call(tmp_path, "kills_itself", signal=number)) == f"the worker was killed by signal {named}"
        )

    def test_a_crash_of_library_code_leaves_its_place_in_the_log(self, worker: LocalWorker, tmp_path: Path) -> None:
        cause(worker, call(tmp_path, "kills_itself", signal=signal.SIGSEGV))
        assert re.search(r"Segmentation fault\n(.*\n)+.* in kills_itself\n", log(tmp_path, "kills_itself"))

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            ("builtins:MemoryError", "Unable to allocate 8.00 GiB for an array"),
            ("torch:OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 78 GiB in all."),
        ],
    )
    def test_too_little_memory_is_told_in_its_own_words(
        self, worker: LocalWorker, tmp_path: Path, error: str, message: str
    ) -> None:
        wanted = call(tmp_path, "raises_as", error=error, message=message)
        assert cause(worker, wanted) == f"{error.partition(':')[2]}: {message}"

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


class TestWatchdog:
    """Limits of a fraction of a second; a second limit that is not to be met is far away."""

    @pytest.mark.parametrize(
        ("limits", "expected"),
        [
            ({"timeout_seconds": 0.6}, r"^took longer than trial_timeout_minutes allows \(0\.01 minutes\)$"),
            (
                {"timeout_seconds": 0.6, "silence_seconds": 30.0},
                r"^took longer than trial_timeout_minutes allows \(0\.01 minutes\)$",
            ),
            ({"silence_seconds": 0.6}, r"^nothing was heard of it for stall_timeout_minutes \(0\.01 minutes\)$"),
            (
                {"timeout_seconds": 1800.0, "silence_seconds": 0.6},
                r"^nothing was heard of it for stall_timeout_minutes \(0\.01 minutes\)$",
            ),
        ],
    )
    def test_a_call_that_hangs_after_a_sign_of_life_is_killed(
        self, worker: LocalWorker, tmp_path: Path, limits: dict[str, float], expected: str
    ) -> None:
        process = worker.run(call(tmp_path, "echo"), lambda _: None)["pid"]
        with pytest.raises(CallFailed, match=expected):
            worker.run(call(tmp_path, "hangs", **limits), lambda _: None)
        assert not psutil.pid_exists(process)

    def test_signs_of_life_do_not_lengthen_the_time_of_the_whole(self, worker: LocalWorker, tmp_path: Path) -> None:
        """Not even where there is always one more to read."""
        process = worker.run(call(tmp_path, "echo"), lambda _: None)["pid"]
        with pytest.raises(CallFailed, match=r"^took longer than trial_timeout_minutes allows \(0\.005 minutes\)$"):
            worker.run(call(tmp_path, "never_ends", 0.3, 30.0), lambda _: await_answer(worker))
        assert not psutil.pid_exists(process)

    def test_every_sign_of_life_begins_the_silence_anew(
        self, worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Five signs 20 s apart by a clock of our own, where 30 s of silence are allowed."""
        os.mkfifo(tmp_path / "gate")
        passed = 0.0
        monotonic = time.monotonic
        monkeypatch.setattr("ablate.executors.local.time.monotonic", lambda: monotonic() + passed)

        def observe(_: dict[str, Any]) -> None:
            nonlocal passed
            passed += 20.0
            (tmp_path / "gate").write_bytes(b"!")

        assert worker.run(call(tmp_path, "waits_for_a_byte_each", None, 30.0, signs=5), observe) == {"signs": 5}
        assert passed == 100.0

    def test_a_result_that_came_in_time_counts_though_it_is_looked_at_late(
        self, worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process of the run was stopped for days, with kill -STOP for instance, while its worker went on."""
        passed = 0.0
        monotonic = time.monotonic
        monkeypatch.setattr("ablate.executors.local.time.monotonic", lambda: monotonic() + passed)
        gate = tmp_path / "gate"
        os.mkfifo(gate)

        def observe(_: dict[str, Any]) -> None:
            nonlocal passed
            passed += 1e6
            gate.write_bytes(b"!")
            await_answer(worker)

        wanted = call(tmp_path, "waits_for_a_byte_each", None, 30.0, signs=1)
        assert worker.run(wanted, observe) == {"signs": 1}


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
            with pytest.raises(CallFailed, match="the run was stopped"):
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


def test_an_address_is_refused_where_nothing_is_to_be_joined() -> None:
    with pytest.raises(ExecutorError, match=r"^--address head:6379: --executor local runs on this machine alone"):
        LocalExecutor("head:6379")
