"""Who uses a device of this machine: any number of trainings at once, or one cost phase alone.

Two lock files a device, of the operating system's own kind, so that a process that dies lets go. Whoever measures
first takes the gate, at which trials wait, then waits for those that run: so it comes to its turn however many trials
other studies have waiting, and their trials go on when it is done.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ablate.locks import Pause, no_pause, wait_for

POLL_SECONDS = 0.05


@contextmanager
def alone(device: str, pause: Pause) -> Iterator[None]:
    """Hold `device` for this process alone. `pause` is called between attempts; what it raises ends the waiting."""
    with _open(device, "gate") as gate, _open(device, "use") as use:
        wait_for(gate, fcntl.LOCK_EX, pause, POLL_SECONDS)
        wait_for(use, fcntl.LOCK_EX, pause, POLL_SECONDS)
        yield


@contextmanager
def among_others(device: str, pause: Pause) -> Iterator[None]:
    """Hold `device` beside others that train; waits while somebody measures, or is about to."""
    with _open(device, "use") as use:
        with _open(device, "gate") as gate:
            wait_for(gate, fcntl.LOCK_SH, pause, POLL_SECONDS)
            wait_for(use, fcntl.LOCK_SH, pause, POLL_SECONDS)
        yield


def _open(device: str, part: str) -> IO[bytes]:
    """The lock file, closed and so unlocked at the end of a `with`; a user's own, since others could not open it."""
    path = Path(tempfile.gettempdir()) / f"ablate-{os.getuid()}-{device.replace(':', '-')}.{part}"
    return path.open("ab")


def once(tell: Pause) -> Pause:
    """A pause that tells at its first call alone."""
    waiting = iter([tell])
    return lambda: next(waiting, no_pause)()
