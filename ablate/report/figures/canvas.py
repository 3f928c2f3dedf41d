"""What all pictures have in common: sizes, colours, marks, and how a figure becomes bytes."""

import io
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Ink and paper of the file; a page with a dark theme puts its own in their place.
INK, PAPER, FAINT = "#1b1b1f", "#ffffff", "#8c8c94"
# Colours that also tell apart for the colour-blind (Okabe and Ito), those that stand out least from white last.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
# By the verdict on a difference: the colour, and the mark that says the same without it.
VERDICT_MARKS = {"better": (BLUE, "^"), "worse": (VERMILLION, "v"), "equivalent": (PURPLE, "s")}
NO_VERDICT = (FAINT, "o")

WIDTH_INCHES = 7.2
LABEL_CHARACTERS = 28

# Text stays text, so that no installed font shapes the bytes; ids are made from a constant, not from chance.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ablate",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.alpha": 0.3,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "lines.markersize": 5,
    "legend.frameon": False,
}


class Picture(NamedTuple):
    svg: str
    pdf: bytes


def drawn(draw: Callable[[], Figure]) -> Picture:
    """What `draw` gives, under the style of this module, in both formats."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # A name in a script that matplotlib's font lacks: the SVG holds it as text and is drawn where it is read.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = draw()
        svg, pdf = io.StringIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return Picture(svg.getvalue(), pdf.getvalue())


def sheet(height_inches: float, width_inches: float = WIDTH_INCHES) -> Figure:
    """An empty figure."""
    figure = Figure(figsize=(width_inches, height_inches))
    FigureCanvasSVG(figure)
    return figure


def panels(
    figure: Figure,
    rows: int,
    columns: int,
    *,
    left: float,
    right: float,
    top: float,
    bottom: float,
    gap: float = 0.6,
    height_ratios: Sequence[float] | None = None,
) -> list[Axes]:
    """A grid of axes, row by row, with margins and gaps in inches: laid out without measuring any text."""
    width, height = figure.get_size_inches()
    cell_height = (height - top - bottom - gap * (rows - 1)) / rows
    cell_width = (width - left - right - gap * (columns - 1)) / columns
    grid = figure.add_gridspec(
        rows,
        columns,
        left=left / width,
        right=1 - right / width,
        top=1 - top / height,
        bottom=bottom / height,
        hspace=gap / cell_height,
        wspace=gap / cell_width,
        height_ratios=height_ratios,
    )
    return [figure.add_subplot(grid[row, column]) for row in range(rows) for column in range(columns)]


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int) -> None:
    """A legend above all panels."""
    figure.legend(
        handles,
        [visible(label) for label in labels],
        loc="upper left",
        bbox_to_anchor=(0.01, 1.0),
        ncols=columns,
        handlelength=2.6,
        fontsize=8.5,
    )


def short(label: str, characters: int = LABEL_CHARACTERS) -> str:
    """`label` in at most `characters`, the middle left out of a longer one, so that both ends can be told apart."""
    line = " ".join(label.split())
    if len(line) <= characters:
        return visible(line)
    head = (characters - 1) // 2
    return visible(f"{line[:head]}…{line[len(line) - (characters - 1 - head) :]}")


def two_lines(label: str, characters: int = LABEL_CHARACTERS) -> str:
    """`label` on up to two lines, broken after a comma where it has one."""
    line = " ".join(label.split())
    if len(line) <= characters:
        return visible(line)
    first, comma, rest = line.partition(",")
    if comma and len(first) < characters and len(rest) <= characters:
        return visible(f"{first},\n{rest}")
    return visible("\n".join(textwrap.wrap(short(line, 2 * characters - 4), characters, max_lines=2, placeholder="…")))


def visible(label: str) -> str:
    """`label`, kept from meaning "leave this one out", as matplotlib reads a leading underscore."""
    return f"\N{ZERO WIDTH SPACE}{label}" if label.startswith("_") else label
