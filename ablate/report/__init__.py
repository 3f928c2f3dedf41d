"""From a results folder to tables and a report. Free of torch.

    contrasting  which variant each is compared with
    counting     the tables of a study that only counts
    costing      the table of costs
    derive       results -> the tables of the folder
    badges       what weakens a row
    sections/    one part of the report a file: results and tables -> blocks
    document     the blocks
    markdown     blocks -> text
    figures      charts -> pictures

To add a section, write its function in a file under sections/ and enter it in SECTIONS, or in COUNT_SECTIONS
for studies that only count; to add a format, write blocks -> text and enter it in FORMATS.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ablate.lookup import load_dotted, lookup
from ablate.records import Results, write_bytes
from ablate.report import markdown
from ablate.report.badges import BADGES, NO_FAULTS
from ablate.report.derive import Tables, tables
from ablate.report.document import Block, Chart
from ablate.report.sections.answer import answer
from ablate.report.sections.badges import badged_rows, badges_section
from ablate.report.sections.claims import claims_section
from ablate.report.sections.contrasts import contrasts_section
from ablate.report.sections.costs import costs_section
from ablate.report.sections.counted import counted
from ablate.report.sections.counting_method import counting_method
from ablate.report.sections.environment import environment
from ablate.report.sections.failures import failures_section
from ablate.report.sections.method import method
from ablate.report.sections.parameters import parameters
from ablate.report.sections.printed import printed
from ablate.report.sections.reproduce import reproduce
from ablate.report.sections.results import results_section, results_table
from ablate.report.sections.systems import systems

__all__ = [
    "BADGES",
    "COUNT_SECTIONS",
    "FORMATS",
    "SECTIONS",
    "Tables",
    "document",
    "results_table",
    "strict_problems",
    "tables",
    "write",
]

Section = Callable[[Results, Tables], list[Block]]

# In the order they are read.
SECTIONS: dict[str, Section] = {
    "answer": answer,
    "results": results_section,
    "contrasts": contrasts_section,
    "costs": costs_section,
    "claims": claims_section,
    "badges": badges_section,
    "failures": failures_section,
    "method": method,
    "environment": environment,
    "reproduce": reproduce,
}

# Of a study that only counts.
COUNT_SECTIONS: dict[str, Section] = {
    "counted": counted,
    "systems": systems,
    "printed": printed,
    "parameters": parameters,
    "method": counting_method,
    "environment": environment,
    "reproduce": reproduce,
}

DRAW = "ablate.report.figures:svg"  # matplotlib comes in where there is a chart

FORMATS: dict[str, Callable[[Sequence[Block]], str]] = {"md": markdown.render}


def document(results: Results, derived: Tables) -> list[Block]:
    """The report as blocks, section after section; a section without anything to say is left out."""
    sections = COUNT_SECTIONS if results.plan["study"]["design"] == "count" else SECTIONS
    return [block for section in sections.values() for block in section(results, derived)]


def write(results: Results, formats: Sequence[str] = ("md",), *, baseline: str | None = None) -> list[Path]:
    """Write the CSV tables, `report.<format>` and its figures into the results folder; return their paths.

    The same folder gives the same bytes. Raises `UnknownName` for an unknown format or baseline.
    """
    writers = {name: lookup(FORMATS, name, "report format") for name in formats}
    derived = tables(results, baseline)
    blocks = document(results, derived)
    contents = {f"{name}.csv": _csv(getattr(derived, name)) for name in Tables.__dataclass_fields__}
    contents |= {f"report.{name}": render(blocks) for name, render in writers.items()}
    contents |= {block.file: load_dotted(DRAW)(block) for block in blocks if isinstance(block, Chart)}
    for name, content in contents.items():
        write_bytes(results.folder / name, content.encode())
    return [results.folder / name for name in contents]


def strict_problems(derived: Tables) -> list[str]:
    """Every badge that stands for a fault, with its row and meaning; empty when nothing weakens the tables."""
    return [f"{row}: {name} ({BADGES[name]})" for name, row in badged_rows(derived) if name not in NO_FAULTS]


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
