"""Pictures of a report. The only matplotlib importer; one chart always gives the same bytes."""

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ablate.report.document import Bar, Chart, Panel

# Colours that also tell apart for the colour-blind (Okabe and Ito).
MEASURED, PRINTED = "#0072B2", "#E69F00"
THICKNESS = 0.38  # of a bar, where two and a gap make 1
LEFT, RIGHT = 0.22, 0.9  # edges of the panels, as shares of the picture's width
WIDTH_INCHES, BAR_INCHES, FRAME_INCHES = 8.0, 0.5, 0.9

# Text stays text, so that no installed font shapes the bytes; ids are made from a constant, not from chance.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ablate",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "sans-serif",
    "font.size": 10.0,
}


def svg(chart: Chart) -> str:
    """`chart` as an SVG document: panels below each other, two bars a row, each with its number."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, sum(_inches(panel) for panel in chart.panels) + FRAME_INCHES))
        FigureCanvasSVG(figure)
        heights = [_inches(panel) for panel in chart.panels]
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights, **_margins(figure, len(heights)))
        for row, panel in enumerate(chart.panels):
            _draw(figure.add_subplot(grid[row, 0]), panel)
        figure.suptitle(chart.title, x=LEFT, ha="left")
        figure.axes[-1].set_xlabel(chart.unit)
        bars = figure.axes[0].get_legend_handles_labels()
        figure.legend(*bars, loc="upper right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _inches(panel: Panel) -> float:
    return BAR_INCHES * len(panel.bars) + FRAME_INCHES


def _margins(figure: Figure, panels: int) -> dict[str, float]:
    """Edges of the grid as shares of the figure, which is drawn without measuring any text."""
    height = figure.get_figheight()
    return {
        "left": LEFT,
        "right": RIGHT,
        "top": 1 - FRAME_INCHES / height,
        "bottom": 0.6 / height,
        "hspace": FRAME_INCHES * panels / height * 1.2,
    }


def _draw(axes: Axes, panel: Panel) -> None:
    rows = range(len(panel.bars))
    for label, colour, offset, values in (
        ("measured", MEASURED, -THICKNESS / 2, [bar.measured for bar in panel.bars]),
        ("printed", PRINTED, THICKNESS / 2, [bar.printed for bar in panel.bars]),
    ):
        drawn = axes.barh([row + offset for row in rows], values, THICKNESS, label=label, color=colour)
        axes.bar_label(drawn, [f"{value:,.2f}" for value in values], padding=3)
    axes.set_yticks(list(rows), [bar.label for bar in panel.bars])
    axes.invert_yaxis()
    axes.set_title(panel.title, loc="left", fontsize=10)
    axes.set_xlim(0, 1.12 * max(_longest(bar) for bar in panel.bars))
    axes.spines[["top", "right"]].set_visible(False)


def _longest(bar: Bar) -> float:
    return max(bar.measured, bar.printed)
