"""The claims of a count study: one row a printed number."""

import math
from collections.abc import Mapping
from typing import Any

from ablate.analysis.counting import plain
from ablate.records import Results
from ablate.report.counting import count_claims
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Table
from ablate.report.numbers import ABSENT

COLUMNS = (
    Column("claim", "left"),
    Column("what is said", "left"),
    Column("where", "left"),
    Column("printed"),
    Column("counted"),
    Column("verdict", "left", "verdict"),
    Column("reason", "left"),
)
CAPTION = "Every printed number beside what is counted here"


def printed(results: Results, tables: Tables) -> list[Block]:
    table = printed_table(results, tables)
    return [Heading("Printed numbers"), table] if table.rows else []


def printed_table(results: Results, tables: Tables) -> Table:
    """One row a claim, in the study's order."""
    said = {claim.id: claim.statement for claim in count_claims(results.plan)}
    return Table(
        COLUMNS, tuple(_row(row, said[row["id"]]) for row in tables.claims.to_dict("records")), CAPTION, "claims"
    )


def _row(row: Mapping[Any, Any], statement: str) -> tuple[str | Cell, ...]:
    measured = ABSENT if math.isnan(row["measured"]) else plain(row["measured"])
    numbers = (Cell(plain(row["published"]), row["published"]), Cell(measured, row["measured"]))
    return (row["id"], statement, row["source"], *numbers, row["verdict"], row["reason"])
