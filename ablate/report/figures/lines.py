"""A panel of lines, each with its own colour, dash and mark."""

from typing import Any, Literal

from matplotlib.axes import Axes

from ablate.report.document import Line, LinePanel
from ablate.report.figures.canvas import DASHES, MARKERS, PALETTE

MOST_MARKS = 12  # along a line
SPREAD = 0.14  # by which the lines of a panel are moved apart where all of them stand at the same levels


def draw_lines(axes: Axes, panel: LinePanel, intervals: Literal["bands", "bars"]) -> list[Any]:
    """Draw `panel` and return one handle a line for a legend."""
    middle = (len(panel.lines) - 1) / 2
    step = SPREAD / max(1.0, middle) if intervals == "bars" else 0.0
    handles = [
        _draw(axes, line, number, (number - middle) * step, intervals) for number, line in enumerate(panel.lines)
    ]
    axes.set_title(panel.title)
    axes.set_xlabel(panel.axis)
    return handles


def _draw(axes: Axes, line: Line, number: int, shift: float, intervals: str) -> Any:
    colour = PALETTE[number % len(PALETTE)]
    x = [each + shift for each in line.x]
    y = [point.value for point in line.points]
    low = [point.value if point.low is None else point.low for point in line.points]
    high = [point.value if point.high is None else point.high for point in line.points]
    if intervals == "bands":
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    else:
        axes.vlines(x, low, high, color=colour, linewidth=1.2)
    (handle,) = axes.plot(
        x,
        y,
        color=colour,
        linestyle=DASHES[number % len(DASHES)],
        marker=MARKERS[number % len(MARKERS)],
        markevery=max(1, len(x) // MOST_MARKS),
        linewidth=1.6,
    )
    return handle
