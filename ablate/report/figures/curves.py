"""Learning curves: the mean over seeds, epoch by epoch, with the band of its interval."""

import math

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablate.report.document import CurveChart
from ablate.report.figures.canvas import legend, panels, sheet, short
from ablate.report.figures.lines import draw_lines

PANEL_INCHES, LEGEND_COLUMNS, LEGEND_INCHES = 2.5, 3, 0.2


def curves(chart: CurveChart) -> Figure:
    labels = [line.label for line in chart.panels[0].lines]
    above = 0.35 + LEGEND_INCHES * math.ceil(len(labels) / LEGEND_COLUMNS)
    figure = sheet(PANEL_INCHES + above)
    axes = panels(figure, 1, len(chart.panels), left=0.5, right=0.15, top=above + 0.05, bottom=0.5, gap=0.6)
    handles = [draw_lines(each, panel, "bands") for each, panel in zip(axes, chart.panels, strict=True)]
    for each in axes:
        each.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    legend(figure, handles[0], [short(label, 30) for label in labels], LEGEND_COLUMNS)
    return figure
