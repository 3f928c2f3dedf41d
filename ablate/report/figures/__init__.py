"""Pictures of a report: a chart as SVG and as PDF. The same chart always gives the same bytes.

canvas       sizes, colours, and how a figure becomes bytes
bars ...     one kind of chart a file: chart -> figure

To add a kind, write its dataclass in `report.document`, how it is drawn in a file here, and enter both in DRAWERS.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure

from ablate.report.document import (
    BarChart,
    Chart,
    CurveChart,
    InteractionChart,
    LadderChart,
    ParetoChart,
    SeedChart,
)
from ablate.report.figures.bars import bars
from ablate.report.figures.canvas import Picture, drawn
from ablate.report.figures.curves import curves
from ablate.report.figures.interaction import interaction
from ablate.report.figures.ladder import ladder
from ablate.report.figures.pareto import pareto
from ablate.report.figures.seeds import seeds

__all__ = ["DRAWERS", "Picture", "picture"]

# Kind of chart -> the function that draws one of that kind.
DRAWERS: dict[type[Chart], Callable[[Any], Figure]] = {
    BarChart: bars,
    SeedChart: seeds,
    LadderChart: ladder,
    InteractionChart: interaction,
    CurveChart: curves,
    ParetoChart: pareto,
}


# A chart is wanted twice, as a file and within the page.
@lru_cache(maxsize=32)
def picture(chart: Chart) -> Picture:
    return drawn(lambda: DRAWERS[type(chart)](chart))
