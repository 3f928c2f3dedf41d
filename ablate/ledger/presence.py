"""Which runs of this results folder are alive: each holds a lock file, which its death opens.

No process number and no clock is asked, so neither a restart, nor a container, nor a set clock can mislead.
"""

import fcntl
import uuid
from pathlib import Path
from typing import Literal

from ablate.locks import is_held, no_pause, opened, wait_for


class Presence:
    """This run, as others see it. Make it, and look, while the ledger's lock is held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.run = uuid.uuid4().hex
        self._path = folder / self.run
        self._stream = opened(self._path)
        wait_for(self._stream, fcntl.LOCK_EX, no_pause)

    def of(self, run: str) -> Literal["alive", "dead", "unknown"]:
        """Whether `run` lives; unknown where it has no file here, as one of another folder."""
        path = self._folder / run
        if not path.exists():
            return "unknown"
        return "alive" if is_held(path) else "dead"

    def others(self) -> bool:
        """Whether another run of this folder lives."""
        return any(path.name != self.run and is_held(path) for path in _files(self._folder))

    def bury(self) -> None:
        """Remove the files of dead runs, which is for when nothing in the ledger names them any more."""
        for path in _files(self._folder):
            if path.name != self.run and not is_held(path):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """This run is over. Its file stays, unlocked: the ledger may name it still."""
        self._stream.close()


def is_alive(folder: Path, run: str) -> bool:
    """Whether `run` shows in `folder` that it lives."""
    return is_held(folder / run)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
