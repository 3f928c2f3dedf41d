"""What a piece of code does to the world beside its result."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Watch:
    """What this process did to the world while `is_on`, by Python's audit events: (event, path or program)."""

    is_on: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event in WATCHED and (event != "open" or arguments[2] & WRITING):
            self.seen.append((event, os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else "?"))

    def outside(self, folder: Path) -> list[tuple[str, str]]:
        """What did not happen below `folder`."""
        return [(event, path) for event, path in self.seen if not Path(path).is_relative_to(folder)]


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
PROGRAMS = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "pickle.find_class",
}
WATCHED = CHANGES | PROGRAMS
WATCH = Watch()
sys.addaudithook(WATCH)  # for good: a hook cannot be taken away


@contextmanager
def watching() -> Iterator[Watch]:
    """Files that are written or removed, programs that are started and objects that are unpickled meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setattr(WATCH, "seen", [])
        patch.setattr(WATCH, "is_on", True)
        yield WATCH
