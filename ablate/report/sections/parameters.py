"""The chart of parameters that sources draw, from what was counted."""

from ablate.records import Results
from ablate.report.counting import parameter_chart
from ablate.report.derive import Tables
from ablate.report.document import Block, Heading

HEADING = "Parameters"


def parameters(results: Results, tables: Tables) -> list[Block]:
    chart = parameter_chart(results)
    return [] if chart is None else [Heading(HEADING), chart]
