"""Locks on files, of the operating system's own kind: a process that dies lets go, whatever killed it."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ablate.errors import ResultsError

Pause = Callable[[], None]
POLL_SECONDS = 0.02


def no_pause() -> None:
    """What is done between two attempts where nothing else is to be."""


def wait_for(stream: IO[bytes], kind: int, pause: Pause, poll_seconds: float = POLL_SECONDS) -> None:
    """Lock `stream` as `kind`, LOCK_SH or LOCK_EX, says; between attempts `pause` is called, and may raise."""
    while True:
        try:
            return fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            pause()
            time.sleep(poll_seconds)


@contextmanager
def held(path: Path, pause: Pause = no_pause) -> Iterator[None]:
    """Hold the lock file at `path` alone; threads exclude each other as processes do, since each opens it anew.

    Raises `ResultsError` where no file can be locked.
    """
    with opened(path) as stream:
        try:
            wait_for(stream, fcntl.LOCK_EX, pause)
        except OSError as error:
            raise _unusable(path, error) from error
        yield


def opened(path: Path) -> IO[bytes]:
    """The lock file at `path`, made with its folder if need be; raises `ResultsError` when it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        raise _unusable(path, error) from error


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file at `path` alone; False where there is none."""
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _unusable(path: Path, error: OSError) -> ResultsError:
    return ResultsError(f"{path}: cannot be locked ({error.strerror}); name another folder with --results")
