"""What a report is made of: blocks of plain text, tables and charts, which a writer turns into a page or prints.

Text in a block carries no markup; a writer escapes whatever its format would read as such. Charts hold the numbers that
are drawn, in the unit that they are shown in; `report.figures` draws them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Literal

from ablate.visible import visible


@dataclass(frozen=True)
class Heading:
    text: str
    level: Literal[1, 2, 3] = 2


@dataclass(frozen=True)
class Paragraph:
    """`role` sets the two sentences apart that a reader comes for."""

    text: str
    role: Literal["plain", "question", "answer"] = "plain"


@dataclass(frozen=True)
class Notice:
    """A paragraph that must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Commands, one a line."""

    text: str


@dataclass(frozen=True)
class Column:
    """A column of verdicts is shown in colour and with symbols where a format has them."""

    header: str
    align: Literal["left", "right"] = "right"
    role: Literal["text", "verdict"] = "text"


@dataclass(frozen=True)
class Cell:
    """Text with the number that it is sorted by, which is NaN where there is none, or with a link."""

    text: str
    value: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, each as long as `columns`; the first cell names its row.

    Findings can be sorted by any column; facts stay in their order. `name` is the table's label in LaTeX, where tables
    without one are left out. `marked` is the numbers of the rows that are a baseline.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | Cell, ...], ...]
    caption: str = ""
    name: str = ""
    kind: Literal["findings", "facts"] = "findings"
    marked: frozenset[int] = frozenset()

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The rows without what cells hold beside their text."""
        return tuple(tuple(cell.text if isinstance(cell, Cell) else cell for cell in row) for row in self.rows)

    def without_empty_columns(self) -> "Table":
        """The table without the columns that are empty in every row; as it is where it has no row."""
        texts = self.texts or (("kept",) * len(self.columns),)
        kept = [at for at in range(len(self.columns)) if any(row[at] for row in texts)]
        columns = tuple(self.columns[at] for at in kept)
        return replace(self, columns=columns, rows=tuple(tuple(row[at] for at in kept) for row in self.rows))


@dataclass(frozen=True)
class Chart:
    """What every chart has: `file` is the SVG's place in the results folder, `summary` says in words what it shows."""

    title: str
    unit: str
    file: str
    summary: str

    @property
    def pdf_file(self) -> str:
        return str(PurePosixPath(self.file).with_suffix(".pdf"))


@dataclass(frozen=True)
class Bar:
    """A thing that was measured, and the number that a source prints of it."""

    label: str
    measured: float
    printed: float


@dataclass(frozen=True)
class Panel:
    """Bars on one scale."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class BarChart(Chart):
    """Panels of bars in `unit`."""

    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, which is None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SeedPair:
    """What one seed gave on both sides of a contrast."""

    seed: int
    baseline: float
    variant: float


@dataclass(frozen=True)
class SeedPanel:
    """One contrast; `title` says in full what `variant` may have to shorten."""

    title: str
    baseline: str
    variant: str
    pairs: tuple[SeedPair, ...]


@dataclass(frozen=True)
class SeedChart(Chart):
    """A panel a contrast on one scale, and in it a line a seed from the baseline to the variant."""

    better: Literal["higher", "lower"]
    panels: tuple[SeedPanel, ...]


@dataclass(frozen=True)
class Rung:
    """A difference from the baseline, and in `numbers` how it is written with its interval.

    `wider` is its interval over seeds and test images, where it is known.
    """

    label: str
    difference: Estimate
    wider: Estimate | None
    verdict: str
    numbers: str


@dataclass(frozen=True)
class LadderChart(Chart):
    """Differences below each other; `margin` is the difference that does not matter, None where none was stated."""

    baseline: str
    margin: float | None
    rungs: tuple[Rung, ...]


@dataclass(frozen=True)
class Line:
    """One estimate at each `x`, which is an epoch, or the number of a level."""

    label: str
    x: tuple[int, ...]
    points: tuple[Estimate, ...]


@dataclass(frozen=True)
class LinePanel:
    """Lines over one axis named `axis`; `levels` names its numbers where they stand for levels."""

    title: str
    axis: str
    lines: tuple[Line, ...]
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class InteractionChart(Chart):
    """Means at the levels of one factor, a line for each level of another."""

    panels: tuple[LinePanel, ...]


@dataclass(frozen=True)
class CurveChart(Chart):
    """Means over seeds, epoch by epoch, a line for each variant."""

    panels: tuple[LinePanel, ...]


@dataclass(frozen=True)
class CostPoint:
    """A variant, where it lies, and whether another one is both more accurate and cheaper."""

    label: str
    cost: Estimate
    accuracy: Estimate
    state: str


@dataclass(frozen=True)
class CostPanel:
    """One cost; `axis` is its name and unit, `title` the condition that all points hold under."""

    axis: str
    points: tuple[CostPoint, ...]
    title: str = ""


@dataclass(frozen=True)
class ParetoChart(Chart):
    """Accuracy over each cost."""

    panels: tuple[CostPanel, ...]


Block = Heading | Paragraph | Notice | Bullets | Code | Table | Chart


def shown(blocks: Iterable[Block]) -> list[Block]:
    """`blocks` with all of their text as `visible` has it: in whatever format, nothing acts on what a name holds."""
    return [_shown(block) for block in blocks]


def _shown(part: Any) -> Any:
    if isinstance(part, str):
        return visible(part)
    if isinstance(part, tuple):
        return tuple(map(_shown, part))
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{field.name: _shown(getattr(part, field.name)) for field in fields(part)})
    return part
