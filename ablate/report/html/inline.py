"""A chart's SVG as a part of the page: in the page's colours, and with ids that are its own."""

import re

from ablate.lookup import load_dotted
from ablate.report.document import Chart

# matplotlib comes in where there is a chart.
DRAW = "ablate.report.figures:picture"
# What the file says before and beside the drawing; of its style sheet, which would be about the whole page, the page
# has its own copy.
AROUND = re.compile(r"^.*?(?=<svg )|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
OPENING = re.compile(r'<svg [^>]*?viewBox="([\d. ]+)"[^>]*>')
IDS = re.compile(r'(?<= id=")|(?<=url\(#)|(?<=href="#)')
# Colours of the file -> the page's own, which change with its theme.
COLOURS = re.compile("#(?:1b1b1f|ffffff|0072b2|d55e00|009e73|cc79a7|e69f00|56b4e9|8c8c94)", re.IGNORECASE)


def inline(chart: Chart, prefix: str) -> str:
    """The picture of `chart` as an `svg` element, hidden from readers of a page who do not see: they have its text."""
    drawing = AROUND.sub("", load_dotted(DRAW)(chart).svg)
    drawing = IDS.sub(f"{prefix}-", drawing)
    drawing = COLOURS.sub(lambda found: f"var(--c-{found.group()[1:].lower()})", drawing)
    return OPENING.sub(r'<svg viewBox="\1" aria-hidden="true" focusable="false">', drawing, count=1)
