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
    """One function to run in a worker: JSON in, JSON out; what it prints goes to `log`."""

    function: str
    task: dict[str, Any]
    log: Path
    timeout_seconds: float | None


class CallFailed(Exception):
    """The call has no result; `cause` is one line, the log holds the rest."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Worker(Protocol):
    """Runs calls one after another; after a failure the next call finds a fresh process."""

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The result of `call`; raises `CallFailed` when it raises, crashes or takes too long."""
        ...

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        ...
