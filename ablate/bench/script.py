"""A script as one would write it by hand, in a process of its own that has the whole machine and trains when told."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ablate.executors.contract import CallFailed

SCRIPT = Path("tests/benchmarks/handwritten.py")
"""Where it lies for a command that is given in the source tree; an installed package has no tests."""
UNTIMED_BATCHES = 2
"""What the script trains before its clock starts."""
MOST_LOADER_PROCESSES = 8


class Script:
    """tests/benchmarks/handwritten.py, or another that takes the same task and prints the same."""

    def __init__(self, path: Path, task: Mapping[str, Any], folder: Path, log: IO[bytes]) -> None:
        described = folder / f"script_{task['layout']}.json"
        described.write_text(json.dumps({**task, "pace": "rounds"}))
        self._process = subprocess.Popen(
            [sys.executable, str(path), str(described)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )

    def images_per_second(self) -> float:
        """The pace of one more epoch; raises `CallFailed` for a script that ends instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        said = json.loads(line)
        return float(said["images"] / said["seconds"])

    def close(self) -> None:
        """End it: it reads lines until there are none."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ended(self) -> CallFailed:
        return CallFailed(f"the script ended with status {self._process.wait()}; what it said is in the log")
