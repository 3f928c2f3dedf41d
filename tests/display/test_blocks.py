"""How report blocks look in a terminal."""

import io

from rich.console import Console

from ablate.display import print_blocks
from ablate.report.document import (
    Bar,
    BarChart,
    Block,
    Bullets,
    Code,
    Column,
    Heading,
    Notice,
    Panel,
    Paragraph,
    Table,
)


def printed(*blocks: Block, width: int = 240) -> list[str]:
    out = io.StringIO()
    print_blocks(blocks, Console(file=out, width=width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_every_kind_is_printed_as_text() -> None:
    blocks: list[Block] = [Heading("[b]H"), Paragraph("p [x]"), Notice("n"), Bullets(("i", "j")), Code("$ c")]
    assert printed(*blocks) == ["[b]H", "p [x]", "n", "- i", "- j", "$ c"]


def test_a_table_keeps_its_alignment() -> None:
    table = Table((Column("name", "left"), Column("count")), (("a", "1"), ("bb", "200")))
    assert printed(table) == ["name  count", "a         1", "bb      200"]


def test_bars_are_as_long_as_their_numbers() -> None:
    """To an eighth of a cell: of 40 cells for 8.0 there are 20 for 4.0, 15 and 5 eighths for 3.125."""
    bars = (Bar("[a]", 4.0, 8.0), Bar("b", 3.125, 0.0))
    lines = printed(BarChart("C", "kg", "figures/c.svg", "", (Panel("P", bars), Panel("Q", (Bar("z", 0.5, 0.5),)))))
    assert lines == [
        *("C (kg)", "P"),
        f"[a]  measured  4.00  {'█' * 20}",
        f"     printed   8.00  {'█' * 40}",
        f"b    measured  3.12  {'█' * 15}▋",
        "     printed   0.00",
        "Q",
        f"z  measured  0.50  {'█' * 40}",
        f"   printed   0.50  {'█' * 40}",
    ]
