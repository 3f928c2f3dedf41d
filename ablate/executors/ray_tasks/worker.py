"""A worker whose calls are tasks of a Ray cluster."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ablate.errors import ExecutorError
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.executors.local import STOPPED
from ablate.executors.ray_tasks.link import Link, Message
from ablate.executors.ray_tasks.node import identity, versions

LOOK_SECONDS = 2.0
# How long a task waits while no node is large enough for it.
ROOMLESS_SECONDS = 300.0
# A node ends by itself what takes too long; when it has not after this, it cannot.
GRACE_SECONDS = 60.0


def gpus(execution: Execution) -> int:
    """How many GPUs a trial takes."""
    return 1 if execution.device.startswith("cuda") else 0


class RayWorker:
    """One task at a time, on any node that has room; between its calls it holds nothing of the cluster."""

    def __init__(self, execution: Execution, link: Link) -> None:
        self.machine: dict[str, Any] | None = None
        self._execution, self._link = execution, link
        self._here = {"versions": versions(), "host": identity(), "folder": str(Path.cwd())}
        self._running: int | None = None
        self._closed = False
        self._busy = threading.Lock()

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Run `call` as a task; raises `CallFailed` when it, its node or Ray fails, falls silent or takes too long.

        Raises `ExecutorError` where no other call would do better: the cluster is lost, or a node has other versions.
        """
        _append(call.log, b"")
        with self._busy:
            number, messages = self._link.open_call()
            self._running = number
            try:
                # Asked last: `close` sets it before it looks for a call to stop.
                if self._closed:
                    raise CallFailed(STOPPED)
                self._link.begin(number, self._order(call))
                return self._result(call, messages, on_progress)
            except BaseException:
                self._link.stop(number)
                raise
            finally:
                self._running = None
                self._link.forget(number)

    def close(self) -> None:
        """End the worker for good, from any thread; a call that runs, or comes later, fails."""
        self._closed = True
        number = self._running
        if number is not None:
            self._link.stop(number)
        with self._busy:
            pass

    def _order(self, call: Call) -> Message:
        return {
            **self._here,
            "function": call.function,
            "task": _task_there(call.task, self._execution),
            "timeout_seconds": call.timeout_seconds,
            "silence_seconds": call.silence_seconds,
            "device": self._execution.device,
            "cpus": self._execution.threads,
            "gpus": gpus(self._execution),
        }

    def _result(
        self, call: Call, messages: SimpleQueue[Message], on_progress: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        said: Message = {}
        for said in self._said(call, messages):
            if "progress" in said:
                on_progress(said["progress"])
        if "cause" in said:
            raise CallFailed(said["cause"])
        self.machine = said["machine"]
        return said["result"]  # type: ignore[no-any-return]

    def _said(self, call: Call, messages: SimpleQueue[Message]) -> Iterator[Message]:
        """What the task says, until it has ended; what it printed is in the log by then."""
        message, said, began = self._first(messages), Message(), time.monotonic()
        node = message["said"]["node"] if "said" in message else "unknown"
        while "ended" not in message:
            said = message["said"]
            if "unfit" in said:
                raise ExecutorError(f"--executor ray: node {node} cannot run trials: {said['unfit']}")
            if "log" in said:
                _append(call.log, said["log"].encode("latin-1"))
            yield said
            message = self._next(call, messages, began)
        if not said.keys() & {"result", "cause"}:
            _append(call.log, f"[{message['ended']}; what was printed last is lost]\n{message['details']}\n".encode())
            raise CallFailed(message["ended"] if message["ended"] == STOPPED else f"{message['ended']} (node {node})")

    def _first(self, messages: SimpleQueue[Message]) -> Message:
        """What is said first, however long the task waits until others let it begin."""
        roomless_since = None
        while True:
            with suppress(Empty):
                return self._checked(messages.get(timeout=LOOK_SECONDS))
            execution, now = self._execution, time.monotonic()
            if self._link.room(execution.threads, gpus(execution)):
                roomless_since = None
            elif roomless_since is None:
                roomless_since = now
            elif now - roomless_since > ROOMLESS_SECONDS:
                raise self._link.roomless(execution.threads, gpus(execution))

    def _next(self, call: Call, messages: SimpleQueue[Message], began: float) -> Message:
        patience = _patience(call, began)
        if patience is None or patience > 0:
            with suppress(Empty):
                return self._checked(messages.get(timeout=patience))
        raise CallFailed("its Ray node did not end it in time")

    def _checked(self, message: Message) -> Message:
        if "lost" in message:
            raise self._link.gone()
        return message


def _patience(call: Call, began: float) -> float | None:
    """Seconds until the node must have been heard of, since it would have ended the call itself; None for no limit."""
    limits = [] if call.silence_seconds is None else [call.silence_seconds]
    if call.timeout_seconds is not None:
        limits.append(began + call.timeout_seconds - time.monotonic())
    return min(limits) + GRACE_SECONDS if limits else None


def _task_there(task: dict[str, Any], execution: Execution) -> dict[str, Any]:
    """`task` as a node is to have it: Ray shows it one GPU, which is the first there; paths are whole."""
    changes = {}
    if "device" in task and gpus(execution):
        changes["device"] = "cuda:0"
    if "checkpoint" in task:
        changes["checkpoint"] = str(Path(task["checkpoint"]).resolve())
    return {**task, **changes}


def _append(log: Path, text: bytes) -> None:
    """Add to `log` where that can be done: no trial is lost for what it printed."""
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            stream.write(text)
