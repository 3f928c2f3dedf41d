"""Workers as processes of this machine: long-lived, so that imports and data are paid once."""

import itertools
import json
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ablate.errors import ExecutorError
from ablate.executors.contract import Call, CallFailed, Execution

# glibc gives large blocks back to the kernel when they are freed, and every step of training then pays for having
# the same pages mapped and zeroed again: up to half of its time on a CPU. So a worker keeps what it once had.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_TOP_PAD_": str(64 * 2**20),
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
STOPPED = "the run was stopped"


class LocalExecutor:
    """Processes of this machine; there is nothing to join, so that an address is an `ExecutorError`."""

    def __init__(self, address: str | None = None) -> None:
        if address is not None:
            raise ExecutorError(
                f"--address {address}: --executor local runs on this machine alone; leave --address out"
            )
        self._places = itertools.count()

    def slots(self, execution: Execution) -> int:
        """As many as execution.json has settled."""
        return execution.workers

    def worker(self, execution: Execution) -> "LocalWorker":
        """A process, once it is called, with cores of its own where the workers share out all that there are."""
        return LocalWorker(execution, cores_of(next(self._places), execution))

    def close(self) -> None:
        """Nothing is held beside the workers."""


def cores_of(place: int, execution: Execution) -> tuple[int, ...]:
    """The cores that the worker at `place`, counted from 0, stays on; none for any that it likes.

    Threads that wander lose their caches. But only workers that fill the machine are told apart: with fewer, another
    run beside this one would be put on the same cores while others idle.
    """
    if execution.device != "cpu" or execution.workers == 1 or not hasattr(os, "sched_getaffinity"):
        return ()
    cores = sorted(os.sched_getaffinity(0))
    if execution.workers * execution.threads != len(cores):
        return ()
    first = place % execution.workers * execution.threads
    return tuple(cores[first : first + execution.threads])


class LocalWorker:
    """One `ablate.executors.worker` process, started on the first call and again after a failure.

    It stays on `cores`, if any are named.
    """

    machine: dict[str, Any] | None = None

    def __init__(self, execution: Execution, cores: Sequence[int] = ()) -> None:
        self._execution, self._cores = execution, cores
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._busy = threading.Lock()

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Run `call` in the process; raises `CallFailed` when it raises, dies, falls silent or takes too long."""
        with self._busy:
            try:
                return self._result(call, on_progress)
            except BaseException:
                # A process that failed may hold half a trial or a full device; the next call gets a new one.
                self._discard()
                raise

    def close(self) -> None:
        """End the worker for good, from any thread; a call that runs, or comes later, fails."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._busy:
            self._discard()

    def _result(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        process = self._alive()
        _send(process, call)
        for message in _messages(process, call):
            if "progress" in message:
                on_progress(message["progress"])
            elif "result" in message:
                return message["result"]  # type: ignore[no-any-return]
            else:
                raise CallFailed(message["cause"])
        raise CallFailed(STOPPED if self._closed else _death(process))

    def _discard(self) -> None:
        """Kill the process, wait until it is gone and close its pipes."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._discard()
            self._process = _start(self._execution, self._cores)
        # Asked last: `close` sets it before it looks for a process to kill.
        if self._closed:
            raise CallFailed(STOPPED)
        return self._process


def _start(execution: Execution, cores: Sequence[int]) -> subprocess.Popen[bytes]:
    threads = dict.fromkeys(THREAD_VARIABLES, str(execution.threads))
    return subprocess.Popen(
        [sys.executable, "-m", "ablate.executors.worker", *map(str, cores)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**ALLOCATOR, **os.environ, **threads},
        start_new_session=True,  # an interrupt at the terminal is the parent's to handle
    )


def _send(process: subprocess.Popen[bytes], call: Call) -> None:
    line = json.dumps({"function": call.function, "task": call.task, "log": str(call.log.resolve())}) + "\n"
    assert process.stdin is not None
    try:
        process.stdin.write(line.encode())
        process.stdin.flush()
    except BrokenPipeError as error:
        raise CallFailed(_death(process)) from error


def _messages(process: subprocess.Popen[bytes], call: Call) -> Iterator[dict[str, Any]]:
    """Answers until the pipe closes; raises `CallFailed` when they take too long, or nothing is heard for too long."""
    assert process.stdout is not None
    deadline = _from_now(call.timeout_seconds)
    pending = b""
    while True:
        silent = _from_now(call.silence_seconds)
        left = min(deadline, silent) - time.monotonic()
        if not select.select([process.stdout], [], [], None if math.isinf(left) else max(0.0, left))[0]:
            raise CallFailed(_overdue(call) if deadline <= silent else _unheard(call))
        received = os.read(process.stdout.fileno(), 65536)
        if not received:
            return
        *lines, pending = (pending + received).split(b"\n")
        yield from (json.loads(line) for line in lines)
        if time.monotonic() >= deadline:  # whoever never pauses is not waited for above
            raise CallFailed(_overdue(call))


def _from_now(seconds: float | None) -> float:
    return math.inf if seconds is None else time.monotonic() + seconds


def _overdue(call: Call) -> str:
    return f"took longer than trial_timeout_minutes allows ({_minutes(call.timeout_seconds)})"


def _unheard(call: Call) -> str:
    return f"nothing was heard of it for stall_timeout_minutes ({_minutes(call.silence_seconds)})"


def _minutes(seconds: float | None) -> str:
    return f"{(seconds or 0) / 60:g} minutes"


def _death(process: subprocess.Popen[bytes]) -> str:
    status = process.wait()
    if status >= 0:
        return f"the worker exited with status {status}"
    return f"the worker was killed by signal {-status}{_meaning(-status)}"


def _meaning(number: int) -> str:
    if number not in set(signal.Signals):
        return ""
    # The kernel kills with this one when memory runs out, and leaves no word.
    guess = "; the machine may be out of memory" if number == signal.SIGKILL else ""
    return f" ({signal.Signals(number).name}{guess})"
