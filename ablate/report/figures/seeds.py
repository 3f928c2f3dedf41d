"""A line a seed, from what the baseline gave to what the variant gave."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ablate.report.document import SeedChart, SeedPair, SeedPanel
from ablate.report.figures.canvas import BLUE, FAINT, INK, VERMILLION, legend, panels, sheet, two_lines, visible

COLUMNS, ROW_INCHES = 4, 2.4
TICK_CHARACTERS, TITLE_CHARACTERS = 11, 20
MANY = 20  # seeds; more are drawn finer
# Up is blue and solid with round ends, down is vermillion and dashed with square ones: told apart without colour too.
Look = tuple[str, Any, str]
UP: Look = (BLUE, "-", "o")
DOWN: Look = (VERMILLION, (0, (4, 2)), "s")
LEVEL: Look = (FAINT, (0, (1, 1.5)), "D")


def seeds(chart: SeedChart) -> Figure:
    columns = min(COLUMNS, max(2, len(chart.panels)))
    rows = math.ceil(len(chart.panels) / columns)
    figure = sheet(ROW_INCHES * rows + 0.7)
    axes = panels(figure, rows, columns, left=0.62, right=0.15, top=0.75, bottom=0.4, gap=0.72)
    for each, panel in zip(axes, chart.panels, strict=False):
        _draw(each, panel, chart.better)
    _one_scale(axes[: len(chart.panels)], columns)
    for unused in axes[len(chart.panels) :]:
        unused.set_axis_off()
    figure.supylabel(chart.unit, x=0.005, fontsize=9.5)
    marks = [Line2D([], [], color=colour, linestyle=line, marker=mark) for colour, line, mark in (UP, DOWN)]
    mean = Line2D([], [], color=INK, linewidth=3)
    legend(figure, [*marks, mean], ["a seed at which it is better", "worse", "mean of the seeds"], 3)
    return figure


def _draw(axes: Axes, panel: SeedPanel, better: str) -> None:
    size, width = (5.0, 1.1) if len(panel.pairs) <= MANY else (2.5, 0.6)
    for pair in panel.pairs:
        colour, line, mark = _look(pair, better)
        ends = [pair.baseline, pair.variant]
        axes.plot([0, 1], ends, color=colour, linestyle=line, marker=mark, markersize=size, linewidth=width)
    if panel.pairs:
        count = len(panel.pairs)
        means = [sum(pair.baseline for pair in panel.pairs) / count, sum(pair.variant for pair in panel.pairs) / count]
        axes.plot([0, 1], means, color=INK, linewidth=3, alpha=0.85, solid_capstyle="round")
    sides = [panel.baseline, panel.variant]
    fit = all(len(side) <= TICK_CHARACTERS for side in sides)
    axes.set_xticks([0, 1], [visible(side) for side in sides] if fit else ["baseline", "variant"], fontsize=8.5)
    axes.set_title(two_lines(panel.title, TITLE_CHARACTERS), fontsize=8.5)
    axes.set_xlim(-0.3, 1.3)
    axes.grid(visible=False, axis="x")


def _look(pair: SeedPair, better: str) -> Look:
    gain = pair.variant - pair.baseline if better == "higher" else pair.baseline - pair.variant
    return LEVEL if gain == 0 else UP if gain > 0 else DOWN


def _one_scale(axes: list[Axes], columns: int) -> None:
    limits = [each.get_ylim() for each in axes]
    for number, each in enumerate(axes):
        each.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        each.tick_params(labelleft=number % columns == 0)
