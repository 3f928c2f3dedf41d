"""Of two results folders: what B gives beside A."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.analysis.verdicts import FEWEST_PAIRS
from ablate.comparison import Comparison
from ablate.pages.side_by_side import contrast_tables, trials_of, variant_name, variant_tables
from ablate.records import Results
from ablate.report.document import Block, Bullets, Column, Heading, Notice, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show, show_difference, show_interval, show_ratio
from ablate.report.sections.costs import measuring
from ablate.report.sections.progress import progress_sentence

WORDS = {
    "better": "is better in B",
    "worse": "is worse in B",
    "equivalent": "is equivalent in both",
    "inconclusive": "cannot be told apart",
}
TWO_SESSIONS = (
    "Measured costs have a ratio, B over A, and no verdict: A and B were measured in two sessions, not in turns, so "
    "that the load and the memory layout of each session are in the ratio."
)
ONE_SESSION = "A and B hold the same measurements of costs."
COST_COLUMNS = (
    *(Column("cost", "left"), Column("variant", "left"), Column("A"), Column("B"), Column("B / A")),
    Column("finding", "left"),
)
CONDITION_COLUMNS = (Column("of", "left"), Column("condition", "left"), Column("A", "left"), Column("B", "left"))
ALIKE = "None: whatever is recorded of study, data, training, machine and versions is the same in A and B."


def comparison_page(comparison: Comparison) -> list[Block]:
    """What follows first, then the tables: variants, contrasts, costs, and the conditions that are not the same."""
    a, b = comparison.a.folder, comparison.b.folder
    return [
        Heading(f"A: {a}, B: {b}", 1),
        *_unfinished(comparison),
        Paragraph(answer_sentence(comparison)),
        *_unmatched(comparison),
        *variant_tables(comparison),
        *contrast_tables(comparison),
        *_costs(comparison),
        *_conditions(comparison),
    ]


def answer_sentence(comparison: Comparison) -> str:
    """Every variant on the primary metric: its verdict with difference, interval and pairs, or why there is none."""
    rows = comparison.variants[comparison.variants["metric"] == comparison.primary].to_dict("records")
    same, equal = sum(row["same_key"] for row in rows), sum(row["bit_equal"] for row in rows)
    if all(row["verdict"] == "identical" for row in rows):
        return f"B repeats A: all {equal} trials that both planned are identical, bit by bit."
    told = f"On {comparison.primary.replace('_', ' ')}: {'; '.join(_clause(row) for row in rows)}."
    repeated = f" Of {same} trials with one key in both, {equal} are identical, bit by bit." if same else ""
    return f"{told}{repeated}"


def _clause(row: Mapping[Any, Any]) -> str:
    metric, name = row["metric"], variant_name(row)
    if row["verdict"] is None:
        why = row["remark"] or f"n = {trials_of(row)}; {FEWEST_PAIRS} are needed"
        return f"{name} has no verdict ({why})"
    if row["verdict"] == "identical":
        return f"{name} is identical"
    numbers = f"{show_difference(metric, row['difference'])} {quantity(metric).difference_unit}"
    interval = show_interval(metric, row["ci_low"], row["ci_high"])
    return f"{name} {WORDS[row['verdict']]} (B - A: {numbers} {interval}, n = {trials_of(row)})"


def _unfinished(comparison: Comparison) -> list[Block]:
    said = {"A": progress_sentence(comparison.a), "B": progress_sentence(comparison.b)}
    return [Notice(f"{side}: {sentence}") for side, sentence in said.items() if sentence]


def _unmatched(comparison: Comparison) -> list[Block]:
    rows = comparison.unmatched.to_dict("records")
    told = tuple(f"{row['variant']}, in {row['side']} alone: {row['reason']}" for row in rows)
    return [Paragraph("Not compared:"), Bullets(told)] if told else []


def _costs(comparison: Comparison) -> list[Block]:
    known = comparison.costs.to_dict("records")
    rows = [row for row in known if not math.isnan(row["ratio"]) and row["finding"] != "equal"]
    measured = any(row["kind"] == "measured" for row in rows)
    session = ONE_SESSION if comparison.a.cost_group == comparison.b.cost_group else TWO_SESSIONS
    return [
        Heading("Costs"),
        *_counts(comparison),
        *([Table(COST_COLUMNS, tuple(_cost_row(row) for row in rows))] if rows else []),
        *([Paragraph(session)] if measured else []),
        *_one_sided(known),
        *_measuring("A", comparison.a, comparison.costs_a),
        *_measuring("B", comparison.b, comparison.costs_b),
    ]


def _counts(comparison: Comparison) -> list[Block]:
    """Which counts are equal for every variant."""
    exact = comparison.costs[comparison.costs["kind"] == "exact"]
    by_column = exact.groupby("metric", sort=False)["finding"]
    equal = [quantity(str(column)).header for column, findings in by_column if (findings == "equal").all()]
    return [Paragraph(f"Equal for every variant: {'; '.join(equal)}.")] if equal else []


def _one_sided(rows: Sequence[Mapping[Any, Any]]) -> list[Block]:
    """Costs that one side alone has of every variant that has them."""
    two_sided = {row["metric"] for row in rows if not math.isnan(row["ratio"])}
    lacking = {
        side: dict.fromkeys(row["metric"] for row in rows if math.isnan(row[f"value_{side}"])) for side in ("a", "b")
    }
    told = {
        having: [quantity(column).header for column in columns if column not in two_sided]
        for having, columns in (("A", lacking["b"]), ("B", lacking["a"]))
    }
    return [Paragraph(f"In {side} alone: {'; '.join(headers)}.") for side, headers in told.items() if headers]


def _cost_row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    column = row["metric"]
    values = (show(column, row["value_a"]), show(column, row["value_b"]))
    return quantity(column).header, variant_name(row), *values, show_ratio(row["ratio"]), row["finding"] or ABSENT


def _measuring(side: str, results: Results, why_unmeasured: str) -> list[Block]:
    """The conditions of a side's measured costs, or why it has none."""
    if why_unmeasured:
        return [Paragraph(f"{side}: {why_unmeasured}.")]
    return [Heading(f"Costs of {side}", 3), *measuring(results)]


def _conditions(comparison: Comparison) -> list[Block]:
    rows = [
        tuple(row[name] for name in ("part", "condition", "a", "b")) for row in comparison.conditions.to_dict("records")
    ]
    heading = Heading("Conditions that differ")
    return [heading, Table(CONDITION_COLUMNS, tuple(rows)) if rows else Paragraph(ALIKE)]
