"""The sections of a report in their order, the formats it is written in, and the files it comes to."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ablate.lookup import load_dotted, lookup
from ablate.records import Results, write_bytes
from ablate.report import html, latex, markdown
from ablate.report.badges import BADGES, NO_FAULTS
from ablate.report.derive import FILES, Tables, tables
from ablate.report.document import Block, Chart, shown
from ablate.report.searching import search_table
from ablate.report.sections.answer import answer
from ablate.report.sections.badges import badged_rows, badges_section
from ablate.report.sections.changes import changes_section
from ablate.report.sections.claims import claims_section
from ablate.report.sections.contrasts import contrasts_section
from ablate.report.sections.costs import costs_section
from ablate.report.sections.counted import counted
from ablate.report.sections.counting_method import counting_method
from ablate.report.sections.crossed import crossed_section
from ablate.report.sections.curves import curves_section
from ablate.report.sections.environment import environment
from ablate.report.sections.failures import failures_section
from ablate.report.sections.ladder import ladder_section
from ablate.report.sections.method import method
from ablate.report.sections.parameters import parameters
from ablate.report.sections.pareto import pareto_section
from ablate.report.sections.printed import printed
from ablate.report.sections.reproduce import reproduce
from ablate.report.sections.results import results_section
from ablate.report.sections.search import search_section
from ablate.report.sections.seeds import seeds_section
from ablate.report.sections.stated import stated_section
from ablate.report.sections.systems import systems
from ablate.report.sections.tuning import tuning_section
from ablate.visible import visible

Section = Callable[[Results, Tables], list[Block]]

# In the order they are read.
SECTIONS: dict[str, Section] = {
    "answer": answer,
    "results": results_section,
    "changes": changes_section,
    "tuning": tuning_section,
    "search": search_section,
    "ladder": ladder_section,
    "seeds": seeds_section,
    "crossed": crossed_section,
    "claims": claims_section,
    "contrasts": contrasts_section,
    "pareto": pareto_section,
    "costs": costs_section,
    "curves": curves_section,
    "badges": badges_section,
    "failures": failures_section,
    "stated": stated_section,
    "reproduce": reproduce,
    "environment": environment,
    "method": method,
}

# Of a study that only counts.
COUNT_SECTIONS: dict[str, Section] = {
    "counted": counted,
    "systems": systems,
    "printed": printed,
    "parameters": parameters,
    "reproduce": reproduce,
    "environment": environment,
    "method": counting_method,
}

DRAW = "ablate.report.figures:picture"  # matplotlib comes in where there is a chart

FORMATS: dict[str, Callable[[Sequence[Block]], str]] = {
    "html": html.render,
    "md": markdown.render,
    "tex": latex.render,
}
DEFAULT_FORMATS = ("html", "md")


def composed(results: Results, derived: Tables) -> list[Block]:
    """The report as blocks, section after section; a section without anything to say is left out."""
    sections = COUNT_SECTIONS if results.plan["study"]["design"] == "count" else SECTIONS
    return shown(block for section in sections.values() for block in section(results, derived))


def write(results: Results, formats: Sequence[str] = DEFAULT_FORMATS, *, baseline: str | None = None) -> list[Path]:
    """Write the CSV tables, `report.<format>` and its figures into the results folder; return their paths.

    The same folder gives the same bytes. Raises `UnknownName` for an unknown format or baseline.
    """
    check_formats(formats)
    return write_derived(results, tables(results, baseline), formats)


def write_derived(results: Results, derived: Tables, formats: Sequence[str] = DEFAULT_FORMATS) -> list[Path]:
    """`write` for tables that have been made already."""
    blocks = composed(results, derived)
    contents = {f"{name}.csv": _csv(getattr(derived, name)) for name in FILES}
    if "searched" in results.plan:
        contents["search.csv"] = _csv(search_table(results.plan))
    contents |= {f"report.{name}": FORMATS[name](blocks).encode() for name in check_formats(formats)}
    for block in blocks:
        contents |= _pictures(block) if isinstance(block, Chart) else {}
    for name, content in contents.items():
        write_bytes(results.folder / name, content)
    return [results.folder / name for name in contents]


def check_formats(formats: Sequence[str]) -> Sequence[str]:
    """`formats` themselves; raises `UnknownName` for one that is unknown."""
    for name in formats:
        lookup(FORMATS, name, "report format")
    return formats


def strict_problems(derived: Tables) -> list[str]:
    """Every badge that stands for a fault, with its row and meaning; empty when nothing weakens the tables."""
    return [visible(f"{row}: {name} ({BADGES[name]})") for name, row in badged_rows(derived) if name not in NO_FAULTS]


def _pictures(chart: Chart) -> dict[str, bytes]:
    drawn = load_dotted(DRAW)(chart)
    return {chart.file: drawn.svg.encode(), chart.pdf_file: drawn.pdf}


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
