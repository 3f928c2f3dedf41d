"""Two bars a row: what was measured, and what a source prints."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.document import Bar, BarChart, Panel
from ablate.report.figures.canvas import BLUE, ORANGE, legend, panels, sheet, short

THICKNESS = 0.38  # of a bar, where two and a gap make 1
BAR_INCHES, FRAME_INCHES = 0.46, 0.9


def bars(chart: BarChart) -> Figure:
    heights = [BAR_INCHES * len(panel.bars) for panel in chart.panels]
    figure = sheet(sum(heights) + FRAME_INCHES * len(heights) + 0.3)
    axes = panels(figure, len(heights), 1, left=1.9, right=0.6, top=0.7, bottom=0.55, gap=0.7, height_ratios=heights)
    for each, panel in zip(axes, chart.panels, strict=True):
        _draw(each, panel)
    axes[-1].set_xlabel(chart.unit)
    legend(figure, *axes[0].get_legend_handles_labels(), 2)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    rows = range(len(panel.bars))
    for label, colour, hatch, offset, values in (
        ("measured", BLUE, "", -THICKNESS / 2, [bar.measured for bar in panel.bars]),
        ("printed", ORANGE, "///", THICKNESS / 2, [bar.printed for bar in panel.bars]),
    ):
        at = [row + offset for row in rows]
        drawn = axes.barh(at, values, THICKNESS, label=label, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
        axes.bar_label(drawn, [f"{value:,.2f}" for value in values], padding=3, fontsize=8)
    axes.set_yticks(list(rows), [short(bar.label, 26) for bar in panel.bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_title(short(panel.title, 80))
    axes.set_xlim(0, 1.12 * max(_longest(bar) for bar in panel.bars))


def _longest(bar: Bar) -> float:
    return max(bar.measured, bar.printed)
