import re

import pytest

from ablate.report.document import Bar, BarChart, Bullets, Cell, Code, Column, Heading, Notice, Panel, Paragraph, Table
from ablate.report.markdown import escape, render


def test_blocks():
    text = render(
        [
            Heading("Title", level=1),
            Notice("careful"),
            Bullets(("one", "two")),
            Code("ablate run x.yaml"),
            Table((Column("name", "left"), Column("n")), (("spd", "8"),)),
        ]
    )
    table = "| name | n |\n|---|---:|\n| spd | 8 |\n"
    assert text == f"# Title\n\n> **careful**\n\n- one\n- two\n\n```\nablate run x.yaml\n```\n\n{table}"


@pytest.mark.parametrize(
    ("hostile", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("&lt;", "&amp;lt;"),
        ("two\nlines\r\nthree", "two lines three"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("[link](http://x) ![image][y] [z]: w", r"[link\](http://x) ![image\][y] [z\]: w"),
        ("[+0.12, +3.40] & p < 0.0001", "[+0.12, +3.40] & p < 0.0001"),
        ("<!-- gone", "&lt;!-- gone"),
        ("$x$ ~~no~~", r"\$x\$ \~\~no\~\~"),
        (r"a\|b", r"a\\\|b"),
        ("small_objects", "small_objects"),
    ],
)
def test_text_is_shown_as_it_is(hostile, escaped):
    assert escape(hostile) == escaped


@pytest.mark.parametrize("start", ["# x", "- x", "+ x", "1. x", "12) x", "=== x", "* x", "> x"])
def test_a_paragraph_stays_a_paragraph(start):
    assert re.match(r"\\|\d+\\", render([Paragraph(start)]))


def test_a_hostile_cell_stays_in_its_cell():
    table = Table((Column("a", "left"), Column("b")), (("x|y\n| z |", "1"),))
    *_, row = render([table]).splitlines()
    assert len(re.findall(r"(?<!\\)\|", row)) == 3


def test_a_fence_is_longer_than_what_it_holds():
    assert render([Code("```\nx")]) == "````\n```\nx\n````\n"


def test_a_chart_is_a_link_to_its_picture_with_its_summary():
    panels = (Panel("p", (Bar("a", 1.0, 2.0),)),)
    assert render([BarChart("Sizes of `nets`", "m", "figures/sizes.svg", "Two *bars*.", panels)]) == (
        "![Sizes of \\`nets\\`](figures/sizes.svg)\n\nTwo \\*bars\\*.\n"
    )


def test_a_cell_is_its_text_and_its_link():
    table = Table((Column("a", "left"), Column("b")), ((Cell("x|y", link="a b/report.md"), Cell("1.5", 1.5)),))
    assert render([table]).splitlines()[-1] == r"| [x\|y](a%20b/report.md) | 1.5 |"
