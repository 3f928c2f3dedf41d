"""The observer of a run that shows it: a live table on a terminal, plain lines elsewhere."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ablate.display import words
from ablate.display.progress import Elsewhere, Progress, take
from ablate.display.terminal import UNBOUNDED
from ablate.study.running.events import (
    CostsFailed,
    Event,
    FindingsNotShown,
    LedgerRebuilt,
    LedgerWait,
    RecordSetAside,
    SeedsSettled,
    StatementChanged,
    StepDone,
    StudyStarted,
    TrialArrived,
    TrialFailed,
    TrialLeft,
    TrialStarted,
    TrialTaken,
)
from ablate.visible import visible

# What is said above the live table too, for it is gone when the run ends.
LASTING = (
    StatementChanged
    | SeedsSettled
    | TrialFailed
    | CostsFailed
    | RecordSetAside
    | LedgerWait
    | LedgerRebuilt
    | FindingsNotShown
)

# What comes from a ledger that answers. Workers go on while it does not, so other events say nothing of it.
ANSWERS = StudyStarted | TrialStarted | TrialTaken | TrialLeft | TrialArrived | LedgerRebuilt

# What may come by the hundred, and is drawn with what comes next, or within half a second.
FREQUENT = StepDone | TrialTaken | TrialLeft | TrialArrived

HEADER_WIDTH = 8  # at least, of the column of a seed


class Display:
    """An observer of a run: a live table on a terminal, plain lines elsewhere. A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._unanswered: LedgerWait | None = None
        # The table is drawn from a thread of its own too, under a lock of its own, and then reads what is known. So
        # nothing may be printed while that is kept from it; another lock keeps lines in order.
        self._printing, self._knowing = threading.Lock(), threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take in `event`; called from several threads."""
        with self._printing:
            with self._knowing:
                self._take(event)
            if isinstance(event, StudyStarted) and self._live is None:
                self._draw()
            if not self._repeats(event):
                self._say(event)
            if self._live is not None and not isinstance(event, FREQUENT):
                self._live.refresh()

    def _take(self, event: Event) -> None:
        if self._progress is not None:
            take(self._progress, event)
        elif isinstance(event, StudyStarted):
            self._progress = Progress(event)

    def _draw(self) -> None:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=2, transient=True)
            self._live.start()

    def _repeats(self, event: Event) -> bool:
        """Whether `event` says once more that the ledger does not answer."""
        before = self._unanswered
        if isinstance(event, ANSWERS):
            self._unanswered = None
        elif isinstance(event, LedgerWait):
            self._unanswered = event
        return isinstance(event, LedgerWait) and before is not None

    def _say(self, event: Event) -> None:
        if self._live is not None and not isinstance(event, LASTING):
            return
        line = words.line(event, self._progress)
        if line:
            self._console.print(visible(line), highlight=False, markup=False, soft_wrap=True)

    def _render(self) -> Group:
        with self._knowing:
            progress = self._progress
            assert progress is not None
            waits = "  waiting for the ledger" if self._unanswered else ""
            head = f"{words.headline(progress, time.monotonic() - progress.began)}{waits}"
            lines = [Text(line) for line in words.running(progress)]
            return Group(Text(head, style="bold"), *_table(progress, self._console, len(lines)), *lines)


def _table(progress: Progress, console: Console, lines: int) -> list[Table]:
    """A cell for every trial if that fits the terminal with `lines` below, else a row for every variant, or none."""
    if len(progress.started.variants) + lines + 3 > console.height:
        return []
    if len(progress.started.seeds) * HEADER_WIDTH < console.width:
        grid = _grid(progress)
        wanted = console.measure(grid, options=console.options.update(max_width=UNBOUNDED)).maximum
        if wanted <= console.width:
            return [grid]
    return [_counts(progress)]


def _grid(progress: Progress) -> Table:
    table = _columns(f"seed {seed}" for seed in progress.started.seeds)
    for variant in progress.started.variants:
        cells = (words.cell(progress, (variant, seed)) for seed in progress.started.seeds)
        table.add_row(escape(variant), *(escape(cell) for cell in cells))
    return table


def _counts(progress: Progress) -> Table:
    table = _columns(("done", "here", "elsewhere", "left"))
    done = Counter(variant for variant, _ in progress.ended)
    here = Counter(variant for variant, _ in progress.running)
    elsewhere = Counter(trial[0] for trial, standing in progress.going.items() if isinstance(standing, Elsewhere))
    for variant in progress.started.variants:
        counts = (done[variant], here[variant], elsewhere[variant], progress.left[variant])
        table.add_row(escape(variant), *map(str, counts))
    return table


def _columns(headers: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("variant")
    for header in headers:
        table.add_column(header, justify="right")
    return table
