"""What became of the claims, for the answer: a line each."""

from collections.abc import Mapping
from typing import Any

from ablate.records import Results
from ablate.report.derive import Tables, study_claims
from ablate.report.document import Block, Bullets, Paragraph
from ablate.report.numbers import ABSENT, quantity, show_difference, show_interval

CLAIMED = "What was claimed, and what came of it here:"
MOST_CLAIMS = 8


def claimed(results: Results, tables: Tables) -> list[Block]:
    """Nothing where nothing was claimed; of very many claims the first, since all of them have a section."""
    statements = {claim.id: claim.statement for claim in study_claims(results)}
    lines = [_line(statements[row["id"]], row) for row in tables.claims.to_dict("records")]
    left = len(lines) - MOST_CLAIMS
    shown = lines if left <= 1 else [*lines[:MOST_CLAIMS], f"and {left} more, under Claims"]
    return [Paragraph(CLAIMED), Bullets(tuple(shown))] if shown else []


def _line(statement: str, row: Mapping[Any, Any]) -> str:
    metric = row["metric"]
    measured = [show_difference(metric, row["measured"]), show_interval(metric, row["ci_low"], row["ci_high"])]
    known = [each for each in measured if each != ABSENT]
    if not known:
        return f"{row['verdict']}: {statement}"
    published = show_difference(metric, row["published"])
    beside = "" if published == ABSENT else f"; published {published}"
    return f"{row['verdict']}: {statement} ({' '.join(known)} {quantity(metric).difference_unit}{beside})"
