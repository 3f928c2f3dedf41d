"""What a person sees: the live progress of a run, and report blocks in the terminal. The only rich importer."""

import math
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from ablate.report.document import BarChart, Block, Bullets, Chart, Code, Heading, Notice, Panel, Paragraph, Table
from ablate.report.numbers import quantity, show
from ablate.study.events import (
    CostsFailed,
    CostsRound,
    CostsWait,
    EpochDone,
    Event,
    SeedsSettled,
    StatementChanged,
    StudyStarted,
    TrialFailed,
    TrialFinished,
    TrialStarted,
)

# A grid of progress wider or taller than this would not fit a terminal; the running trials are shown all the same.
MOST_VARIANTS, MOST_SEEDS = 24, 12

UNBOUNDED = 10_000  # columns where there is no terminal: no line is ever that long, so none is wrapped

AGAIN = "again"  # the cell of a trial that failed and waits to be tried once more

BAR_CELLS = 40  # of the longest bar of a chart
EIGHTHS = " ▏▎▍▌▋▊▉"

SHARED = "="  # the cell of a trial that another cell stands for as well

Trial = tuple[str, int]

# What is said above the live table too, for it is gone when the run ends.
LASTING = StatementChanged | SeedsSettled | TrialFailed | CostsFailed


@dataclass
class Progress:
    """What is known of a run so far; `state` holds a cell of text for every trial that has begun."""

    started: StudyStarted
    began: float = field(default_factory=time.monotonic)
    state: dict[Trial, str] = field(default_factory=dict)
    running: dict[Trial, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: str = ""

    def __post_init__(self) -> None:
        self.state = dict.fromkeys(self.started.done, "done")

    def go_on(self, started: StudyStarted) -> None:
        """Take in a further block of seeds; of its trials some may have been done under other names."""
        self.started = started
        self.state = dict.fromkeys(started.done, "done") | self.state

    @property
    def planned(self) -> int:
        return _planned(self.started)

    @property
    def done(self) -> int:
        return sum(self._ended(trial) for trial in self.state)

    def seconds_left(self) -> float | None:
        """From the trials finished in this run: a variant's own mean, else the mean of all; None before the first."""
        every = [seconds for taken in self.seconds.values() for seconds in taken]
        if not every:
            return None
        waiting = [
            variant
            for variant in self.started.variants
            for seed in self.started.seeds
            if not self._ended((variant, seed)) and (variant, seed) not in self.started.shared
        ]
        each = [self.seconds.get(variant) or every for variant in waiting]
        return sum(sum(taken) / len(taken) for taken in each) / max(1, self.started.workers)

    def _ended(self, trial: Trial) -> bool:
        return trial in self.state and trial not in self.running and self.state[trial] != AGAIN


class Display:
    """An observer of a run: a live table on a terminal, plain lines elsewhere. A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take in `event`; called from several threads."""
        with self._lock:
            if isinstance(event, StudyStarted):
                self._begin_or_go_on(event)
            elif self._progress is not None:
                _take(self._progress, event)
            line = _line(event, self._progress)
            if line and (self._live is None or isinstance(event, LASTING)):
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)
            if self._live is not None:
                self._live.refresh()

    def _begin_or_go_on(self, event: StudyStarted) -> None:
        if self._progress is not None:
            self._progress.go_on(event)
            return
        self._progress = Progress(event)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=2, transient=True)
            self._live.start()

    def _render(self) -> Group:
        progress = self._progress
        assert progress is not None
        parts = [_headline(progress)]
        small = len(progress.started.variants) <= MOST_VARIANTS and len(progress.started.seeds) <= MOST_SEEDS
        return Group(*parts, *([_grid(progress)] if small else []), *_running_lines(progress))


def print_blocks(blocks: Iterable[Block], console: Console) -> None:
    """Print report blocks for reading in a terminal; text is printed as it is, never as markup."""
    for block in blocks:
        match block:
            case Heading(text=text):
                console.print(Text(text, style="bold"))
            case Table():
                console.print(_rich_table(block))
            case BarChart(title=title, unit=unit, panels=panels):
                console.print(Text(f"{title} ({unit})", style="bold"))
                for panel in panels:
                    console.print(Text(panel.title))
                    console.print(_bars(panel))
            case Chart(title=title, file=file):
                console.print(Text(f"{title}: {file}"))
            case Bullets(items=items):
                console.print(Text("\n".join(f"- {item}" for item in items)))
            case Notice(text=text):
                console.print(Text(text, style="bold yellow"))
            case Paragraph(text=text) | Code(text=text):
                console.print(Text(text))


def console(stream: str) -> Console:
    """A console on `stdout` or `stderr`; where that is no terminal, lines are never wrapped or coloured.

    With NO_COLOR in the environment (no-color.org) a terminal gets plain text as well, in lines that fit it.
    """
    target = sys.stdout if stream == "stdout" else sys.stderr
    made = Console(file=target)
    if not made.is_terminal:
        return Console(file=target, width=UNBOUNDED)
    return Console(file=target, width=made.width, force_terminal=False) if made.no_color else made


def _rich_table(block: Table) -> RichTable:
    table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in block.columns:
        table.add_column(Text(column.header), justify=column.align, overflow="fold")
    for row in block.texts:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _bars(panel: Panel) -> RichTable:
    """Two bars a row, one below the other: what was measured, what is printed; all of a panel on one scale."""
    most = max(max(bar.measured, bar.printed) for bar in panel.bars)
    table = RichTable(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for bar in panel.bars:
        for label, what, value in ((bar.label, "measured", bar.measured), ("", "printed", bar.printed)):
            table.add_row(Text(label), Text(what), Text(f"{value:,.2f}", justify="right"), Text(_bar(value / most)))
    return table


def _bar(share: float) -> str:
    """`share` of BAR_CELLS cells, to an eighth of a cell."""
    whole, eighths = divmod(round(share * BAR_CELLS * 8), 8)
    return "█" * whole + (EIGHTHS[eighths] if eighths else "")


def _take(progress: Progress, event: Event) -> None:
    match event:
        case CostsWait(device=device):
            progress.costs = _waiting(device)
        case CostsRound(number=number, seconds_left=left):
            progress.costs = f"costs: round {number} done, about {_duration(left)} left" if left else ""
        case TrialStarted(variant=variant, seed=seed, epochs=epochs):
            progress.costs = ""
            progress.running[variant, seed] = f"epoch 0/{epochs}"
            progress.state[variant, seed] = "…"
        case EpochDone(variant=variant, seed=seed, epoch=epoch):
            of = progress.running[variant, seed].split("/")[1].split()[0]
            loss, accuracy = _shown(event.train_loss), _shown(event.train_accuracy)
            progress.running[variant, seed] = f"epoch {epoch}/{of}  training loss {loss}  accuracy {accuracy}"
            progress.state[variant, seed] = f"{epoch}/{of}"
        case TrialFinished(variant=variant, seed=seed, state=state, accuracy=accuracy, seconds=seconds):
            progress.running.pop((variant, seed), None)
            progress.seconds[variant].append(seconds)
            progress.state[variant, seed] = _shown(accuracy) if state == "complete" else state
        case TrialFailed(variant=variant, seed=seed, outlook=outlook):
            progress.running.pop((variant, seed), None)
            progress.state[variant, seed] = "failed" if outlook == "given up" else AGAIN


def _waiting(device: str) -> str:
    return f"costs: waiting until nothing else runs on {device}"


def _line(event: Event, progress: Progress | None) -> str:
    """One plain line an event; empty for what would only fill a log."""
    match event:
        case StudyStarted(name=name, device=device, workers=workers, threads=threads):
            how = f"on {device}, {workers} workers of {threads} threads, into {event.folder}"
            if not event.seeds:
                return f"{name}: nothing to train; {how}"
            head = f"{name}: {len(event.variants)} variants x {_seeds(event)} = {_planned(event)} trials"
            return f"{head}, {len(event.done)} done; {how}"
        case StatementChanged(changed=changed, finished=finished, planned=planned):
            told = f"{' and '.join(changed)} changed after {finished} of {planned} trials had finished"
            return f"{told}; plan.json keeps what was stated before, and the report shows both"
        case SeedsSettled():
            return _settled(event)
        case CostsWait(device=device):
            return _waiting(device)
        case CostsRound(number=number):
            return f"costs: round {number} done"
        case CostsFailed(cause=cause, log=log):
            return f"costs could not be measured: {cause} ({log})"
        case TrialStarted():
            return ""
        case EpochDone(variant=variant, seed=seed, epoch=epoch):
            loss, accuracy = _shown(event.train_loss), _shown(event.train_accuracy)
            return f"{variant} seed {seed}: epoch {epoch}, training loss {loss}, accuracy {accuracy}"
        case TrialFinished(variant=variant, seed=seed, state=state, accuracy=accuracy, seconds=seconds):
            outcome = f"test accuracy {_shown(accuracy)}" if state == "complete" else state
            position = f" [{progress.done}/{progress.planned}, {_time_left(progress)}]" if progress else ""
            return f"{variant} seed {seed}: {outcome} in {_duration(seconds)}{position}"
        case TrialFailed(variant=variant, seed=seed, cause=cause, log=log, outlook=outlook):
            return f"{variant} seed {seed} failed, {outlook}: {cause} ({log})"


def _headline(progress: Progress) -> Text:
    started = progress.started
    spent = _duration(time.monotonic() - progress.began)
    blocks = f" of {_seeds(started)}" if started.at_most is not None else ""
    text = f"{started.name}  {progress.done}/{progress.planned} trials{blocks}  {spent} spent  {_time_left(progress)}"
    return Text(f"{text}  {progress.costs}", style="bold")


def _time_left(progress: Progress) -> str:
    left = progress.seconds_left()
    return "time left unknown before the first trial ends" if left is None else f"about {_duration(left)} left"


def _grid(progress: Progress) -> RichTable:
    table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("variant")
    for seed in progress.started.seeds:
        table.add_column(f"seed {seed}", justify="right")
    for variant in progress.started.variants:
        cells = (_cell(progress, (variant, seed)) for seed in progress.started.seeds)
        table.add_row(escape(variant), *(escape(cell) for cell in cells))
    return table


def _cell(progress: Progress, trial: Trial) -> str:
    if trial in progress.state:
        return progress.state[trial]
    return SHARED if trial in progress.started.shared else "·"


def _planned(started: StudyStarted) -> int:
    """Distinct trials; variants that are one network share theirs."""
    return len(started.variants) * len(started.seeds) - len(started.shared)


def _seeds(started: StudyStarted) -> str:
    """`5 seeds`, or `5 seeds (at most 20)` where they are added in blocks."""
    most = f" (at most {started.at_most})" if started.at_most is not None else ""
    return f"{len(started.seeds)} seeds{most}"


def _settled(event: SeedsSettled) -> str:
    unit = quantity(event.metric).difference_unit
    asked = f"±{show(event.metric, event.until)} {unit}"
    width = "missing" if math.isnan(event.half_width) else f"±{show(event.metric, event.half_width)}"
    match event.outlook:
        case "enough":
            return f"{event.judged} seeds are enough: every 95 % interval is within {asked} (the widest is {width})"
        case "at most":
            return f"{event.judged} seeds are as many as may be: the widest 95 % interval is {width}, not {asked}"
        case "unfinished":
            return f"no seeds beyond {event.planned} begin while one of their trials has no result"


def _running_lines(progress: Progress) -> list[Text]:
    return [Text(f"{variant} seed {seed}: {what}") for (variant, seed), what in progress.running.items()]


def _shown(number: float | None) -> str:
    return "not finite" if number is None else f"{number:.4f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
