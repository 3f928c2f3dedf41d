"""Pictures: what they show, and that the same chart gives the same bytes."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from ablate.report.document import Bar, Chart, Panel
from ablate.report.figures import svg

CHART = Chart(
    "Parameters & <co>",
    "million parameters",
    "figures/parameters.svg",
    (
        Panel("A guide, section 8", (Bar("xception", 22.856, 22.9), Bar("mobilenet_v1", 4.232, 4.2))),
        Panel("A paper", (Bar("vgg16", 138.358, 138.0), Bar("$net_1$", 1234.5, 1200.0), Bar("none", 0.0, 1.0))),
    ),
)


def words(document: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(document).iter("{http://www.w3.org/2000/svg}text")]


def test_it_shows_every_label_and_number_as_text() -> None:
    said = words(svg(CHART))
    for text in ("Parameters & <co>", "million parameters", "A guide, section 8", "A paper", "measured", "printed"):
        assert text in said
    for text in (
        "xception",
        "mobilenet_v1",
        "vgg16",
        "$net_1$",
        "22.86",
        "22.90",
        "4.23",
        "4.20",
        "1,234.50",
        "138.36",
    ):
        assert text in said


def test_bars_are_as_long_as_their_numbers() -> None:
    """Of one panel: 22.856, 4.232 measured, then 22.9, 4.2 printed."""
    fills = re.findall(
        r'<path d="M ([\d.]+) [\d.]+ \s*L ([\d.]+) [^"]*"[^>]*style="fill: #(0072b2|e69f00)"', svg(CHART)
    )
    lengths = [float(end) - float(start) for start, end, _ in fills][:4]
    assert lengths == pytest.approx([scale * lengths[0] / 22.856 for scale in (22.856, 4.232, 22.9, 4.2)], rel=1e-4)
    assert [colour for *_, colour in fills][:4] == ["0072b2"] * 2 + ["e69f00"] * 2


def test_the_same_chart_gives_the_same_bytes_in_any_process() -> None:
    document = svg(CHART)
    assert svg(CHART) == document
    code = (
        "import sys; from tests_chart import CHART; from ablate.report.figures import svg; sys.stdout.write(svg(CHART))"
    )
    program = code.replace("from tests_chart import CHART", f"from ablate.report.document import *; CHART = {CHART!r}")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == document


def test_no_date_and_no_version_is_in_it() -> None:
    document = svg(CHART)
    assert "dc:date" not in document
    assert "Matplotlib v" not in document
