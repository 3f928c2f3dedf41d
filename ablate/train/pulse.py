"""Signs of life: a training says now and then how far it is, from its own loop, so that one that hangs falls silent."""

import time
from collections.abc import Callable

PULSE_SECONDS = 5.0


class Pulse:
    """Passes on to `report` how many steps are done, at most every `every_seconds`, the first time after as many."""

    def __init__(self, report: Callable[[dict[str, int]], None], every_seconds: float = PULSE_SECONDS) -> None:
        self._report, self._every_seconds = report, every_seconds
        self._due = time.monotonic() + every_seconds

    def beat(self, step: int, steps: int) -> None:
        """`step` of `steps` are done; cheap enough to be said at every one of them."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._every_seconds
            self._report({"step": step, "steps": steps})
