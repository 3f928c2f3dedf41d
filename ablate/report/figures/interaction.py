"""Means at the levels of one factor, a line for each level of another: parallel lines mean no interaction."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.document import InteractionChart, LinePanel
from ablate.report.figures.canvas import panels, sheet, short
from ablate.report.figures.lines import draw_lines

ROW_INCHES = 2.7


def interaction(chart: InteractionChart) -> Figure:
    rows = len(chart.panels)
    figure = sheet(ROW_INCHES * rows)
    axes = panels(figure, rows, 1, left=0.65, right=2.1, top=0.35, bottom=0.55, gap=0.85)
    for each, panel in zip(axes, chart.panels, strict=True):
        handles = draw_lines(each, panel, "bars")
        _name_levels(each, panel)
        labels = [short(line.label, 24) for line in panel.lines]
        each.legend(handles, labels, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8.5, handlelength=2.6)
    figure.supylabel(chart.unit, x=0.005, fontsize=9.5)
    return figure


def _name_levels(axes: Axes, panel: LinePanel) -> None:
    wide = 18 if len(panel.levels) <= 3 else 9
    axes.set_xticks(range(len(panel.levels)), [short(level, wide) for level in panel.levels])
    axes.set_xlim(-0.4, len(panel.levels) - 0.6)
    axes.grid(visible=False, axis="x")
