"""Report blocks for reading in a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ablate.report.document import (
    BarChart,
    Block,
    Bullets,
    Chart,
    Code,
    Heading,
    Notice,
    Panel,
    Paragraph,
    Table,
    shown,
)

BAR_CELLS = 40  # of the longest bar of a chart
EIGHTHS = " ▏▎▍▌▋▊▉"


def print_blocks(blocks: Iterable[Block], console: Console) -> None:
    """Print report blocks; text is printed as it is, never as markup, and the terminal acts on none of it."""
    for block in shown(blocks):
        match block:
            case Heading(text=text):
                console.print(Text(text, style="bold"))
            case Table():
                console.print(_rich_table(block))
            case BarChart():
                _print_bars(block, console)
            case Chart(title=title, file=file):
                console.print(Text(f"{title}: {file}"))
            case Bullets(items=items):
                console.print(Text("\n".join(f"- {item}" for item in items)))
            case Notice(text=text):
                console.print(Text(text, style="bold yellow"))
            case Paragraph(text=text) | Code(text=text):
                console.print(Text(text))


def _print_bars(chart: BarChart, console: Console) -> None:
    console.print(Text(f"{chart.title} ({chart.unit})", style="bold"))
    for panel in chart.panels:
        console.print(Text(panel.title))
        console.print(_bars(panel))


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
