"""Trials that failed for good, and why."""

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, Heading, Paragraph, Table

COLUMNS = (
    Column("variant", "left"),
    Column("seed"),
    Column("attempts"),
    Column("cause", "left"),
    Column("log", "left"),
)
CAPTION = "Trials that failed for good"


def failures_section(results: Results, tables: Tables) -> list[Block]:
    failed = tables.trials[tables.trials["state"] == "failed"]
    if failed.empty:
        return []
    rows = tuple(
        (row["variant"], str(row["seed"]), str(int(row["attempts"])), row["error"], f"logs/{row['key']}.log")
        for row in failed.to_dict("records")
    )
    return [Heading("Failures"), Table(COLUMNS, rows, CAPTION), Paragraph("The next run tries them afresh.")]
