"""Signs of life: a training says now and then how far it is, from its own loop, so that one that hangs falls silent."""

import time
from collections.abc import Callable
from typing import Any

PULSE_SECONDS = 5.0


class Pulse:
    """Passes on to `report` how many steps are done, at most every `every_seconds`, the first time after as many.

    `step_seconds` beside it is the mean over the steps since it was passed on last, None where there were none.
    """

    def __init__(self, report: Callable[[dict[str, Any]], None], every_seconds: float = PULSE_SECONDS) -> None:
        self._report, self._every_seconds = report, every_seconds
        self._due = time.monotonic() + every_seconds
        self._since: tuple[int, float] | None = None

    def beat(self, step: int, steps: int) -> None:
        """`step` of `steps` are done; cheap enough to be said at every one of them."""
        now = time.monotonic()
        if self._since is None:
            self._since = step, now
        if now >= self._due:
            before, at = self._since
            pace = (now - at) / (step - before) if step > before else None
            self._due, self._since = now + self._every_seconds, (step, now)
            self._report({"step": step, "steps": steps, "step_seconds": pace})
