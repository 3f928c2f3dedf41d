"""Each change alone against the baseline: a forest plot, sorted by the chart."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ablate.report.document import Estimate, LadderChart, Rung
from ablate.report.figures.canvas import (
    FAINT,
    INK,
    NO_VERDICT,
    VERDICT_MARKS,
    legend,
    panels,
    sheet,
    short,
    two_lines,
)

RUNG_INCHES, FRAME_INCHES = 0.36, 1.2


def ladder(chart: LadderChart) -> Figure:
    figure = sheet(RUNG_INCHES * max(2, len(chart.rungs)) + FRAME_INCHES)
    (axes,) = panels(figure, 1, 1, left=2.3, right=1.5, top=0.5, bottom=0.65)
    if chart.margin is not None:
        axes.axvspan(-chart.margin, chart.margin, color=FAINT, alpha=0.25, linewidth=0)
    axes.axvline(0, color=INK, linewidth=1)
    for row, rung in enumerate(chart.rungs):
        _draw(axes, row, rung)
    axes.set_yticks(range(len(chart.rungs)), [two_lines(rung.label) for rung in chart.rungs])
    axes.set_ylim(max(1.5, len(chart.rungs) - 0.5), -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"difference from {short(chart.baseline, 40)} ({chart.unit})")
    _explain(figure, chart)
    return figure


def _draw(axes: Axes, row: int, rung: Rung) -> None:
    colour, mark = {rung.verdict: NO_VERDICT, **VERDICT_MARKS}[rung.verdict]
    _interval(axes, row, rung.wider, colour, 1.0)
    _interval(axes, row, rung.difference, colour, 3.2)
    axes.plot([rung.difference.value], [row], color=colour, marker=mark, markersize=8, markeredgecolor="white")
    # In numbers at the right edge, whatever the scale.
    axes.text(1.02, row, rung.numbers, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


def _interval(axes: Axes, row: int, estimate: Estimate | None, colour: str, width: float) -> None:
    if estimate is not None and estimate.low is not None and estimate.high is not None:
        axes.hlines(row, estimate.low, estimate.high, color=colour, linewidth=width)


def _explain(figure: Figure, chart: LadderChart) -> None:
    used = {rung.verdict for rung in chart.rungs}
    marks = {verdict: look for verdict, look in VERDICT_MARKS.items() if verdict in used}
    if used - set(marks):
        marks["no verdict" if used - set(marks) == {""} else "inconclusive"] = NO_VERDICT
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colour, marker=mark, linewidth=3.2) for colour, mark in marks.values()
    ]
    labels = list(marks)
    if chart.margin is not None:
        handles, labels = [*handles, Patch(color=FAINT, alpha=0.25)], [*labels, "margin"]
    legend(figure, handles, labels, 5)
