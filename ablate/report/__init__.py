"""From a results folder to tables and a report. Free of torch.

    writing      the sections in order, the formats, the files
    contrasting  which variant each is compared with
    counting     the tables of a study that only counts
    costing      the table of costs
    derive       results -> the tables of the folder
    searching    the table of what a search tried
    badges       what weakens a row
    sections/    one part of the report a file: results and tables -> blocks
    document     the blocks
    markdown     blocks -> text
    html/        blocks -> one page, by templates
    latex        blocks -> tables for a paper
    figures/     one kind of chart a file: charts -> pictures
    drawing      what of the tables is drawn
    index        a folder of studies -> their reports and a page over all

To add a section, write its function in a file under sections/ and enter it in SECTIONS of writing.py, or in
COUNT_SECTIONS for studies that only count; to add a format, write blocks -> text and enter it in FORMATS.
"""

from typing import TYPE_CHECKING

from ablate.lookup import on_first_use

if TYPE_CHECKING:
    from ablate.report.badges import BADGES
    from ablate.report.derive import Tables, tables
    from ablate.report.writing import (
        COUNT_SECTIONS,
        DEFAULT_FORMATS,
        FORMATS,
        SECTIONS,
        check_formats,
        composed,
        strict_problems,
        write,
        write_derived,
    )

__all__ = [
    "BADGES",
    "COUNT_SECTIONS",
    "DEFAULT_FORMATS",
    "FORMATS",
    "SECTIONS",
    "Tables",
    "check_formats",
    "composed",
    "strict_problems",
    "tables",
    "write",
    "write_derived",
]

_WRITING = ("COUNT_SECTIONS", "DEFAULT_FORMATS", "FORMATS", "SECTIONS", "check_formats", "composed", "strict_problems")

__getattr__ = on_first_use(
    __name__,
    {
        "BADGES": "ablate.report.badges:BADGES",
        "Tables": "ablate.report.derive:Tables",
        "tables": "ablate.report.derive:tables",
        **{name: f"ablate.report.writing:{name}" for name in (*_WRITING, "write", "write_derived")},
    },
)
