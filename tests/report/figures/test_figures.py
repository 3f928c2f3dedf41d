"""Pictures of every kind: what they say, and that the same chart gives the same bytes."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ablate.report.document import Chart
from ablate.report.figures import DRAWERS, picture

TEXT = "{http://www.w3.org/2000/svg}text"
# What each kind has to show as text.
SAID = {
    "bars": ("million parameters", "A paper", "measured", "printed", "$net_1$", "22.86", "22.90", "1,234.50"),
    "seeds": ("accuracy (%)", "strided", "spd", "maxpool", "a seed at which it is better", "worse"),
    "ladder": ("difference from strided (percentage points)", "maxpool", "worse one", "+4.90 [+4.31, +5.49]", "margin"),
    "interaction": ("accuracy (%)", "mid_activation", "none", "relu", "segments 1", "segments 4"),
    "curves": ("training loss (nats)", "epoch", "strided", "spd"),
    "pareto": ("parameters", "latency (ms)", "small", "large", "beaten", "lost", "dominated", "clearly dominated"),
}


def words(chart: Chart) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture(chart).svg).iter(TEXT)]


def kinds(kind: type[Chart] = Chart) -> Iterator[type[Chart]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from kinds(inner)


def test_every_kind_of_chart_can_be_drawn() -> None:
    assert set(DRAWERS) == set(kinds())
    assert len(DRAWERS) == len(set(DRAWERS.values()))


@pytest.mark.parametrize("name", SAID)
def test_it_shows_labels_and_numbers_as_text(charts: dict[str, Any], name: str) -> None:
    said = [text.strip("\N{ZERO WIDTH SPACE}") for text in words(charts[name])]
    assert [text for text in SAID[name] if text not in said] == []


def test_a_name_that_matplotlib_would_leave_out_is_shown(charts: dict[str, Any]) -> None:
    assert "\N{ZERO WIDTH SPACE}_hidden" in words(charts["ladder"])


def test_the_same_chart_gives_the_same_bytes_in_any_process(charts: dict[str, Chart]) -> None:
    program = (
        "import sys; from ablate.report.document import *; from ablate.report.figures import picture\n"
        f"for chart in {list(charts.values())!r}: "
        "drawn = picture(chart); sys.stdout.buffer.write(drawn.svg.encode() + drawn.pdf)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    drawn = [picture(chart) for chart in charts.values()]
    assert done.stdout == b"".join(each.svg.encode() + each.pdf for each in drawn)


def test_no_date_and_no_version_is_in_it(chart: Chart) -> None:
    drawn = picture(chart)
    assert "dc:date" not in drawn.svg
    assert "Matplotlib v" not in drawn.svg
    assert drawn.pdf.startswith(b"%PDF")
    assert b"CreationDate" not in drawn.pdf
    assert b"Matplotlib" not in drawn.pdf


def test_it_is_no_wider_than_a_page(chart: Chart) -> None:
    """In points; text beside the axes has its place within the picture."""
    width = float(re.findall(r'viewBox="0 0 ([\d.]+) ', picture(chart).svg)[0])
    assert width == pytest.approx(7.2 * 72)


@pytest.mark.filterwarnings("error")
def test_names_in_any_script_and_of_any_length_are_drawn(charts: dict[str, Any]) -> None:
    long = "名前" + "x" * 200 + "<&>"
    ladder = charts["ladder"]
    drawn = words(replace(ladder, rungs=tuple(replace(rung, label=long) for rung in ladder.rungs)))
    assert any(text.startswith("名前") for text in drawn)
    assert max(map(len, drawn)) < 80
