"""What both folders say of costs: counts, which are equal or not, and times, which were taken in two sessions."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.comparison.matching import Pair
from ablate.records import Results, stored_costs
from ablate.report.costing import EXACT, SECOND_COUNT, TRAINING_MACS, costs_of

COST_COLUMNS = ("variant", "variant_b", "metric", "kind", "value_a", "value_b", "ratio", "finding")
COUNTED = (*EXACT, SECOND_COUNT)
# Three times the forward pass's, so that it says nothing of its own here.
SKIPPED = (TRAINING_MACS,)


def costs_table(a: Results, b: Results, pairs: tuple[Pair, ...]) -> pd.DataFrame:
    """One row a cost column and pair that either side has a number of, with the columns COST_COLUMNS.

    `kind` is `exact`, and `finding` then `equal` or `differs`, or `measured`, where the ratio is B over A and there is
    no finding: a verdict needs both measured in turns, round by round, and these come from two sessions.
    """
    values_a, values_b = costs_of(a).values, costs_of(b).values
    columns = [column for column in dict.fromkeys([*values_a, *values_b]) if column not in SKIPPED]
    rows = [
        _row(column, pair, _value(values_a, column, pair.name), _value(values_b, column, pair.name_b))
        for column in columns
        for pair in pairs
    ]
    known = [row for row in rows if not (math.isnan(row["value_a"]) and math.isnan(row["value_b"]))]
    frame = pd.DataFrame(known, columns=list(COST_COLUMNS))
    return frame.assign(finding=pd.Series([row["finding"] for row in known], dtype=object))


def why_unmeasured(results: Results) -> str:
    """Why a folder has no measured costs; empty when it has."""
    if results.cost_group is not None:
        return ""
    stored = stored_costs(results.folder)
    if stored is None or not stored["sets"]:
        return "no costs were measured"
    return "costs.json holds no set of this version's format for all variants; `ablate run` measures them anew"


def _value(values: Mapping[str, Mapping[str, float]], column: str, variant: str) -> float:
    return values[column][variant] if column in values and variant in values[column] else math.nan


def _row(column: str, pair: Pair, value_a: float, value_b: float) -> dict[str, Any]:
    is_known = not (math.isnan(value_a) or math.isnan(value_b))
    is_exact = column in COUNTED
    return {
        "variant": pair.name,
        "variant_b": pair.name_b,
        "metric": column,
        "kind": "exact" if is_exact else "measured",
        "value_a": value_a,
        "value_b": value_b,
        "ratio": value_b / value_a if is_known and value_a else math.nan,
        "finding": ("equal" if value_a == value_b else "differs") if is_exact and is_known else None,
    }
