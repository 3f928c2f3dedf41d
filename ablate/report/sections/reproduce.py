"""The commands that make these numbers again."""

import shlex

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Code, Heading, Paragraph

WHOLE = "All of it, with the study file at hand and an empty results folder:"
EACH = "A row of the tables, by its variant:"


def reproduce(results: Results, tables: Tables) -> list[Block]:
    changes = [f"--set {shlex.quote(change)}" for change in results.plan["overrides"]]
    study = " ".join([shlex.quote(results.plan["source"]), *changes])
    whole: list[Block] = [Heading("How to reproduce"), Paragraph(WHOLE), Code(f"ablate run {study}")]
    if results.plan["study"]["design"] == "count":
        return whole
    one_each = [f"ablate run {study} --only {shlex.quote(row['variant'])}" for row in results.plan["variants"]]
    return [*whole, Paragraph(EACH), Code("\n".join(one_each))]
