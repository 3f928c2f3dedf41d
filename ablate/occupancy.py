"""Who uses a device of this machine: any number of trainings at once, or one cost phase alone.

Two lock files a device, of the operating system's own kind, so that a process that dies lets go. Whoever measures
first takes the gate, at which trials wait, then waits for those that run: so it comes to its turn however many trials
other studies have waiting, and their trials go on when it is done.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

Pause = Callable[[], None]
POLL_SECONDS = 0.05


@contextmanager
def alone(device: str, pause: Pause) -> Iterator[None]:
    """Hold `device` for this process alone. `pause` is called between attempts; what it raises ends the waiting."""
    with _open(device, "gate") as gate, _open(device, "use") as use:
        _lock(gate, fcntl.LOCK_EX, pause)
        _lock(use, fcntl.LOCK_EX, pause)
        yield


@contextmanager
def among_others(device: str, pause: Pause) -> Iterator[None]:
    """Hold `device` beside others that train; waits while somebody measures, or is about to."""
    with _open(device, "use") as use:
        with _open(device, "gate") as gate:
            _lock(gate, fcntl.LOCK_SH, pause)
            _lock(use, fcntl.LOCK_SH, pause)
        yield


def _open(device: str, part: str) -> IO[bytes]:
    """The lock file, closed and so unlocked at the end of a `with`; a user's own, since others could not open it."""
    path = Path(tempfile.gettempdir()) / f"ablate-{os.getuid()}-{device.replace(':', '-')}.{part}"
    return path.open("ab")


def _lock(stream: IO[bytes], kind: int, pause: Pause) -> None:
    while True:
        try:
            return fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            pause()
            time.sleep(POLL_SECONDS)


def once(tell: Pause) -> Pause:
    """A pause that tells at its first call alone."""
    waiting = iter([tell])
    return lambda: next(waiting, _nothing)()


def _nothing() -> None:
    pass
