"""What is worth its cost: accuracy against parameters, MACs and latency."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.pairing import by_seed
from ablate.analysis.pareto import fronts
from ablate.records import Results
from ablate.report.contrasting import tested_levels
from ablate.report.costing import EXACT
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, CostPanel, CostPoint, Heading, Paragraph, ParetoChart, Table
from ablate.report.drawing import by_condition, called, interval, told
from ablate.report.numbers import ABSENT, quantity
from ablate.report.sections.results import LATENCY, cost_columns
from ablate.schema import MATCH

MOST_POINTS, MOST_PANELS = 40, 9
FILE = "figures/pareto.svg"
COSTS = (*EXACT, LATENCY)
SUMMARY = (
    "Each mark is a variant: mean accuracy with its 95 % interval over its cost, cheaper to the left and more accurate "
    "upwards. The line joins those that no other variant matches in accuracy for less, or beats for the same."
)
METHOD = (
    "Dominated: another variant is at least as accurate and at least as cheap, and better in one of the two, by the "
    "point estimates. Clearly dominated: such a variant leads in accuracy with an interval above zero, at 95 % for all "
    "pairs together, and the intervals of a measured cost lie apart. Variants that were given equal budgets are not "
    "compared by that budget."
)


def pareto_section(results: Results, tables: Tables) -> list[Block]:
    costs = [column for column in COSTS if column in {*EXACT, *cost_columns(tables)}]
    accuracy = by_seed(tables.planned, "accuracy")
    groups = {name: rows for name, rows in by_condition(results.plan, tables.variants).items() if len(rows) > 1}
    bounds, labels = _bounds(tables, costs), tested_levels(results.plan)
    of_group = {
        name: [cost for cost in costs if cost not in _matched(results.plan, rows)] for name, rows in groups.items()
    }
    found = {name: fronts(rows, accuracy, of_group[name], bounds) for name, rows in groups.items()}
    panels = [
        _panel(name, column, rows, found[name], tables, labels)
        for name, rows in groups.items()
        for column in of_group[name]
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


def _bounds(tables: Tables, costs: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The intervals of what was measured."""
    ends = tables.costs.rename(columns={"value_ci_low": "low", "value_ci_high": "high"})
    return {
        cost: ends[ends["metric"] == cost].set_index("variant")[["low", "high"]] for cost in costs if cost not in EXACT
    }


def _matched(plan: dict[str, Any], rows: pd.DataFrame) -> set[str]:
    """The budget that all of `rows` were given alike."""
    columns = [factor["column"] for factor in plan["factors"] if factor["path"] == MATCH]
    return {str(level) for column in columns for level in rows[column]}


def _panel(
    name: str, cost: str, variants: pd.DataFrame, found: pd.DataFrame, tables: Tables, labels: Mapping[str, str]
) -> CostPanel:
    states = found[(found["cost"] == cost) & (found["state"] != "not measured")].set_index("variant")["state"]
    rows = variants[variants["variant"].isin(states.index)].set_index("variant")
    intervals = tables.costs[tables.costs["metric"] == cost].set_index("variant")
    rank = sorted(states.index, key=lambda each: (states[each] != "front", -rows.loc[each, "accuracy_mean"]))
    chosen = set(rank[:MOST_POINTS])
    points = (
        _point(labels[each], cost, rows.loc[each], intervals.reindex([each]), states[each])
        for each in states.index
        if each in chosen
    )
    header = quantity(cost).header
    return CostPanel(header, tuple(points), name)


def _point(label: str, cost: str, row: "pd.Series[Any]", intervals: pd.DataFrame, state: str) -> CostPoint:
    bounds = intervals[["value_ci_low", "value_ci_high"]].to_numpy(dtype=np.float64)[0]
    low, high = (float(bound) for bound in bounds)
    accuracy = interval("accuracy", row["accuracy_mean"], row["accuracy_ci_low"], row["accuracy_ci_high"])
    return CostPoint(label, interval(cost, row[cost], low, high), accuracy, state)


def _table(found: dict[str, pd.DataFrame], costs: Sequence[str]) -> Table:
    """One row a variant, and how it stands on every cost among those of its group, if there are several groups."""
    rows: list[tuple[str, ...]] = []
    grouped = len(found) > 1
    for group, states in found.items():
        variants = list(dict.fromkeys(states["variant"]))
        # What a group was given alike is nothing to compare by.
        standings = {(name, cost): ABSENT for name in variants for cost in costs}
        standings |= {(row["variant"], row["cost"]): _standing(row) for row in states.to_dict("records")}
        among = (group,) if grouped else ()
        rows += [(name, *among, *(standings[name, cost] for cost in costs)) for name in variants]
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
