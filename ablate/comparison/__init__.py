"""Two results folders row by row: of two commits, machines or precisions, or of one study run twice. Free of torch.

matching    which variant of A stands beside which of B
question    what is asked of both
repetition  whether B's trials are A's over again, bit by bit
arms        the trials of both as one table, and what is weighed in it
variants    the table of variants, B minus A
contrasts   the table of contrasts, and of the differences between them
costs       the table of costs
conditions  what is not the same in A and B
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablate.comparison.arms import arms_of
from ablate.comparison.conditions import conditions_table
from ablate.comparison.contrasts import contrasts_table
from ablate.comparison.costs import costs_table, why_unmeasured
from ablate.comparison.matching import match
from ablate.comparison.question import question_of
from ablate.comparison.variants import variants_table
from ablate.records import Results
from ablate.report.sections.progress import trial_counts

__all__ = ["TABLES", "Comparison", "as_json", "compare"]

TABLES = ("variants", "contrasts", "costs", "conditions", "unmatched")


@dataclass(frozen=True)
class Comparison:
    """A and B side by side; every difference is B minus A, every ratio B over A.

    `variants`, `contrasts`, `costs` and `conditions` have the columns that their modules name, `unmatched` has `side`,
    `variant` and `reason`. `primary` is the metric that verdicts are about, A's. `costs_a` and `costs_b`: why a side
    has no measured costs, empty where it has.
    """

    a: Results
    b: Results
    primary: str
    variants: pd.DataFrame
    contrasts: pd.DataFrame
    costs: pd.DataFrame
    conditions: pd.DataFrame
    unmatched: pd.DataFrame
    costs_a: str
    costs_b: str


def compare(a: Results, b: Results) -> Comparison:
    """Set `b` beside `a`; either may be unfinished.

    Raises `ResultsError` where nothing can be compared: no network is in both, or a study only counts.
    """
    question = question_of(a, b)
    matching = match(a, b)
    arms = arms_of(a, b, matching, question)
    return Comparison(
        a=a,
        b=b,
        primary=question.primary,
        variants=variants_table(arms),
        contrasts=contrasts_table(arms),
        costs=costs_table(a, b, matching.pairs),
        conditions=conditions_table(a, b, matching.pairs),
        unmatched=pd.DataFrame(map(vars, matching.unmatched), columns=["side", "variant", "reason"]),
        costs_a=why_unmeasured(a),
        costs_b=why_unmeasured(b),
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """All of it as JSON, a list of rows a table; a number that is not known is null."""
    sides = {"a": (comparison.a, comparison.costs_a), "b": (comparison.b, comparison.costs_b)}
    rows = {name: _rows(getattr(comparison, name)) for name in TABLES}
    return {**{side: _side(*facts) for side, facts in sides.items()}, "primary": comparison.primary, **rows}


def _side(results: Results, why_no_costs: str) -> dict[str, Any]:
    planned, finished = trial_counts(results)
    study = {"folder": str(results.folder), "study": results.plan["study"]["name"]}
    return {**study, "planned": planned, "finished": finished, "costs": why_no_costs or "measured"}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [{str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows]
