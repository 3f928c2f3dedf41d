"""What the engine and its executors agree on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Execution:
    """How trials are run in one environment, settled once and kept in execution.json."""

    device: str
    workers: int
    threads: int


@dataclass(frozen=True)
class Call:
    """One function to run in a worker: JSON in, JSON out; what it prints goes to `log`.

    It has failed when it takes longer than `timeout_seconds` in all.
    """

    function: str
    task: dict[str, Any]
    log: Path
    timeout_seconds: float | None
    silence_seconds: float | None = None
    """How long nothing may be heard of it; None for as long as it likes."""


class CallFailed(Exception):
    """The call has no result; `cause` is one line, the log holds the rest."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Worker(Protocol):
    """Runs calls one after another; after a failure the next call finds a fresh process."""

    machine: dict[str, Any] | None
    """What environment.py says of the machine that gave the last result; None for the machine of the run itself."""

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The result of `call`; raises `CallFailed` when it raises, crashes, falls silent or takes too long."""
        ...

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        ...


class Executor(Protocol):
    """Gives workers, here or elsewhere. Opened with the address of what is to be joined, None where there is none."""

    def slots(self, execution: Execution) -> int:
        """How many workers there are to be where nobody has said so."""
        ...

    def worker(self, execution: Execution) -> Worker:
        """A worker of `execution.threads` threads for trials on `execution.device`."""
        ...

    def close(self) -> None:
        """Leave; workers are closed before."""
        ...
