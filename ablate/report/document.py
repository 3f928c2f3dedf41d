"""What a report is made of: blocks of plain text, which a writer turns into Markdown or prints.

Text in a block carries no markup; a writer escapes whatever its format would read as such.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Heading:
    text: str
    level: Literal[1, 2, 3] = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


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
    header: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Table:
    """Rows of cells, each as long as `columns`."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


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
class Chart:
    """Panels of bars in `unit`; `file` is the picture's place in the results folder."""

    title: str
    unit: str
    file: str
    panels: tuple[Panel, ...]


Block = Heading | Paragraph | Notice | Bullets | Code | Table | Chart
