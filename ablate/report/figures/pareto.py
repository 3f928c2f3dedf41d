"""Accuracy over a cost: what no other variant beats on both counts stands out and is joined by a line."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogFormatterSciNotation, MaxNLocator

from ablate.report.document import CostPanel, CostPoint, ParetoChart
from ablate.report.figures.canvas import BLUE, FAINT, INK, ORANGE, legend, panels, sheet, short

MOST_COLUMNS, ROW_INCHES = 3, 2.6
MOST_LABELS = 12
LABEL_STEP = 0.065  # between labels, as a share of the height
# By state: colour, mark, size, filled or hollow.
LOOKS: dict[str, tuple[str, str, float, str]] = {
    "front": (BLUE, "o", 8, "full"),
    "dominated": (ORANGE, "s", 6, "none"),
    "clearly dominated": (FAINT, "X", 6, "full"),
}
WORDS = {"front": "beaten by none", "dominated": "dominated", "clearly dominated": "clearly dominated"}


def pareto(chart: ParetoChart) -> Figure:
    columns = min(MOST_COLUMNS, max(2, len(chart.panels)))
    rows = math.ceil(len(chart.panels) / columns)
    figure = sheet(ROW_INCHES * rows + 0.5)
    axes = panels(figure, rows, columns, left=0.6, right=0.15, top=0.45, bottom=0.55, gap=0.65)
    for each, panel in zip(axes, chart.panels, strict=False):
        _draw(each, panel)
    for unused in axes[len(chart.panels) :]:
        unused.set_axis_off()
    figure.supylabel(chart.unit, x=0.005, fontsize=9.5)
    used = [state for state in LOOKS if any(point.state == state for panel in chart.panels for point in panel.points)]
    legend(figure, [_handle(state) for state in used], [WORDS[state] for state in used], 3)
    return figure


def _draw(axes: Axes, panel: CostPanel) -> None:
    front = sorted((point for point in panel.points if point.state == "front"), key=lambda point: point.cost.value)
    axes.plot([each.cost.value for each in front], [each.accuracy.value for each in front], color=BLUE, linewidth=1)
    for point in panel.points:
        _point(axes, point)
    axes.set_xlabel(short(panel.axis, 34), fontsize=8.5)
    axes.set_title(short(panel.title, 40), fontsize=8.5)
    axes.margins(x=0.14, y=0.1)
    _scale(axes, panel)
    _name(axes, panel.points if len(panel.points) <= MOST_LABELS else tuple(front[:MOST_LABELS]))


def _point(axes: Axes, point: CostPoint) -> None:
    colour, mark, size, fill = LOOKS[point.state]
    for estimate, draw, at in (
        (point.accuracy, axes.vlines, point.cost.value),
        (point.cost, axes.hlines, point.accuracy.value),
    ):
        if estimate.low is not None and estimate.high is not None:
            draw(at, estimate.low, estimate.high, color=colour, linewidth=1)
    axes.plot(
        [point.cost.value], [point.accuracy.value], color=colour, marker=mark, markersize=size, fillstyle=_fill(fill)
    )


def _name(axes: Axes, points: Sequence[CostPoint]) -> None:
    """Labels towards the middle of the axes, each pushed down until it is clear of the one above on its side."""
    axes.autoscale_view()  # limits are set when they are asked for, which transforms do not
    placed = sorted(((*_share(axes, point), point) for point in points), key=lambda each: -each[1])
    last = {"left": 2.0, "right": 2.0}
    for across, up, point in placed:
        side = "left" if across < 0.55 else "right"
        last[side] = at = min(up + LABEL_STEP / 2, last[side] - LABEL_STEP)
        axes.annotate(
            short(point.label, 20),
            (across, up),
            (across + (0.035 if side == "left" else -0.035), at),
            xycoords="axes fraction",
            ha=side,
            va="center",
            fontsize=7.5,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
        )


def _share(axes: Axes, point: CostPoint) -> tuple[float, float]:
    """Where `point` lies, as shares of the axes' width and height."""
    across, up = axes.transAxes.inverted().transform(axes.transData.transform((point.cost.value, point.accuracy.value)))
    return float(across), float(up)


def _scale(axes: Axes, panel: CostPanel) -> None:
    values = [point.cost.value for point in panel.points]
    if min(values) > 0 and max(values) / min(values) > 10:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(LogFormatterSciNotation())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def _handle(state: str) -> Line2D:
    colour, mark, size, fill = LOOKS[state]
    return Line2D([], [], color=colour, marker=mark, markersize=size, fillstyle=_fill(fill), linestyle="none")


def _fill(fill: str) -> Any:
    return fill
