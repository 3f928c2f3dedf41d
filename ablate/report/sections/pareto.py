"""What is worth its cost: accuracy against parameters, MACs and latency."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.pairing import by_seed
from ablate.analysis.pareto import fronts
from ablate.records import Results
from ablate.report.costing import EXACT
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, CostPanel, CostPoint, Heading, Paragraph, ParetoChart, Table
from ablate.report.drawing import by_condition, called, interval, levels_alone, told
from ablate.report.numbers import ABSENT, quantity
from ablate.report.sections.results import LATENCY, cost_columns

MOST_POINTS, MOST_PANELS = 40, 6
FILE = "figures/pareto.svg"
COSTS = (*EXACT, LATENCY)
SUMMARY = (
    "Each mark is a variant: mean accuracy with its 95 % interval over its cost, cheaper to the left and more accurate "
    "upwards. The line joins those that no other variant matches in accuracy for less, or beats for the same."
)
METHOD = (
    "Dominated: another variant is at least as accurate and at least as cheap, and better in one of the two, by the "
    "point estimates. Clearly dominated: of such a variant the paired 95 % interval of its lead in accuracy lies above "
    "zero as well. These are descriptions, not corrected for their number."
)


def pareto_section(results: Results, tables: Tables) -> list[Block]:
    costs = [column for column in COSTS if column in {*EXACT, *cost_columns(tables)}]
    accuracy = by_seed(tables.planned, "accuracy")
    groups = {name: rows for name, rows in by_condition(results.plan, tables.variants).items() if len(rows) > 1}
    found = {name: fronts(rows, accuracy, costs) for name, rows in groups.items()}
    panels = [
        _panel(name, column, rows, found[name], tables)
        for name, rows in groups.items()
        for column in costs
        if (found[name]["state"] == "front").any()
    ]
    drawn = [panel for panel in panels if len(panel.points) > 1]
    if not drawn:
        return []
    points = max(len(panel.points) for panel in drawn)
    known = max(len(rows) for rows in groups.values())
    chart = ParetoChart(
        title="Accuracy against cost",
        unit="accuracy (%)",
        file=FILE,
        summary=SUMMARY
        + told(points, known, "those on a front first, then the most accurate")
        + told(min(len(drawn), MOST_PANELS), len(drawn), "the first panels, in the order of the table")
        + called(results.plan),
        panels=tuple(drawn[:MOST_PANELS]),
    )
    return [Heading("Accuracy against cost"), chart, _table(found, costs), Paragraph(METHOD)]


def _panel(name: str, cost: str, variants: pd.DataFrame, found: pd.DataFrame, tables: Tables) -> CostPanel:
    states = found[(found["cost"] == cost) & (found["state"] != "not measured")].set_index("variant")["state"]
    rows = variants[variants["variant"].isin(states.index)].set_index("variant")
    intervals = tables.costs[tables.costs["metric"] == cost].set_index("variant")
    rank = sorted(states.index, key=lambda each: (states[each] != "front", -rows.loc[each, "accuracy_mean"]))
    chosen = set(rank[:MOST_POINTS])
    points = (_point(each, cost, rows.loc[each], intervals, states[each]) for each in states.index if each in chosen)
    header = quantity(cost).header
    return CostPanel(f"{header}, {name}" if name else header, tuple(points))


def _point(name: str, cost: str, row: "pd.Series[Any]", intervals: pd.DataFrame, state: str) -> CostPoint:
    bounds = intervals[["value_ci_low", "value_ci_high"]].reindex([name]).to_numpy(dtype=np.float64)[0]
    low, high = (float(bound) for bound in bounds)
    accuracy = interval("accuracy", row["accuracy_mean"], row["accuracy_ci_low"], row["accuracy_ci_high"])
    return CostPoint(levels_alone(name), interval(cost, row[cost], low, high), accuracy, state)


def _table(found: dict[str, pd.DataFrame], costs: Sequence[str]) -> Table:
    """One row a variant, and how it stands on every cost among those of its group, if there are several groups."""
    rows: list[tuple[str, ...]] = []
    grouped = len(found) > 1
    for group, states in found.items():
        told_of = {(row["variant"], row["cost"]): _standing(row) for row in states.to_dict("records")}
        variants = list(dict.fromkeys(states["variant"]))
        among = (group,) if grouped else ()
        rows += [(name, *among, *(told_of[name, cost] for cost in costs)) for name in variants]
    among_column = (Column("among those of", "left"),) if grouped else ()
    columns = (
        Column("variant", "left"),
        *among_column,
        *(Column(f"by {quantity(cost).header}", "left") for cost in costs),
    )
    return Table(columns, tuple(rows), caption="How each variant stands on each cost")


def _standing(row: dict[Any, Any]) -> str:
    if row["state"] == "front":
        return "on the front"
    if row["state"] == "not measured":
        return ABSENT
    return f"{row['state']} by {row['dominated_by']}"
