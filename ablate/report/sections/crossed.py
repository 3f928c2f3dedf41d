"""Factors that are crossed: whether what one does depends on the other."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.crossed import Misleading, anova, interactions, misleading
from ablate.measure import DIRECTIONS
from ablate.records import Results
from ablate.report.contrasting import crosses_factors, varied_factors
from ablate.report.derive import Tables
from ablate.report.document import (
    Block,
    Cell,
    Column,
    Estimate,
    Heading,
    InteractionChart,
    Line,
    LinePanel,
    Notice,
    Paragraph,
    Table,
)
from ablate.report.drawing import by_condition, mean_estimate, told
from ablate.report.numbers import quantity, show_difference, show_interval, show_p

MOST_PANELS, MOST_LINES = 6, 6
FILE = "figures/interaction.svg"
SUMMARY = (
    "Means over seeds, with their 95 % interval, at each combination of two factors, averaged over any others. Where "
    "lines run in parallel the factors add up; where they do not, what one does depends on the other."
)


ANOVA_CAPTION = "How much of the variation each factor, and each pair of factors, explains"
ANOVA_COLUMNS = (
    Column("term", "left"),
    Column("degrees of freedom"),
    Column("F"),
    Column("p"),
    Column("partial eta squared"),
    Column("95 % interval"),
)
INTERACTIONS_CAPTION = "Interactions: how far two changes together differ from the sum of what each does alone"
METHOD = (
    "The first table is least squares with one effect a seed, main effects and two-way interactions, over the seeds at "
    "which every combination has a result; it assumes that every combination has the same spread. Partial eta squared "
    "is a term's share of the variation that other terms leave, with the interval of a noncentral F. An interaction is "
    "what the first change does where the second is made, minus what it does at the baseline's level, paired by seed; "
    "p, Holm is corrected over all interactions."
)
UNKNOWN = "At fewer than two seeds does every combination have a result, so that interactions cannot be judged yet."


def crossed_section(results: Results, tables: Tables) -> list[Block]:
    if not crosses_factors(results.plan):
        return []
    chart = interaction_chart(results, tables)
    under = by_condition(results.plan, tables.planned)
    judged = [
        block
        for name, trials in under.items()
        for block in _judged(results.plan, trials, _origin(results, tables), name)
    ]
    return [Heading("Factors together"), *([chart] if chart else []), *judged, Paragraph(METHOD)]


def _origin(results: Results, tables: Tables) -> dict[str, str]:
    """Column -> the baseline's level, of every tested factor that varies."""
    levels = next(each["levels"] for each in results.plan["variants"] if each["variant"] == tables.baseline)
    column = {factor["column"]: factor["path"] for factor in results.plan["factors"]}
    return {name: levels[column[name]] for name in _columns(results.plan)}


def _judged(plan: dict[str, Any], trials: pd.DataFrame, baseline: dict[str, str], condition: str) -> Iterator[Block]:
    """Under one condition of the data: whether one factor at a time would mislead, and both tables."""
    metric, factors = plan["study"]["primary"], list(baseline)
    explained = anova(trials, factors, metric)
    if explained["f"].isna().all():
        yield Paragraph(_under(condition, UNKNOWN))
        return
    found = misleading(trials, factors, baseline, metric, DIRECTIONS[metric])
    yield from _warnings(found, metric, condition)
    yield _anova_table(explained, condition)
    yield _interactions_table(interactions(trials, factors, baseline, metric), metric, condition)


def _warnings(found: Misleading, metric: str, condition: str) -> Iterator[Block]:
    reversals, beaten = found.reversals.to_dict("records"), found.beaten.to_dict("records")
    for row in reversals:
        yield Notice(_under(condition, _reversal(row, metric)))
    for row in beaten:
        yield Notice(_under(condition, _beaten(row, metric)))
    if not reversals and not beaten:
        said = (
            f"Changing one factor at a time from the baseline would choose {found.chosen}; no combination could be "
            "told to be better, and no factor's best level to depend on another factor."
        )
        yield Paragraph(_under(condition, said))


def _reversal(row: Mapping[Any, Any], metric: str) -> str:
    return (
        f"One factor at a time would mislead: at {row['at']} {row['factor']} {row['best']} leads {row['other_best']} "
        f"by {_difference(row, metric, 'lead')}, but at {row['other_at']} {row['other_best']} leads {row['best']} by "
        f"{_difference(row, metric, 'other_lead')}."
    )


def _beaten(row: Mapping[Any, Any], metric: str) -> str:
    return (
        f"One factor at a time would mislead: from the baseline it chooses {row['chosen']}, but {row['variant']} is "
        f"better by {_difference(row, metric, 'difference')}."
    )


def _difference(row: Mapping[Any, Any], metric: str, name: str) -> str:
    prefix = "" if name == "difference" else f"{name}_"
    low, high = row[f"{prefix}ci_low"], row[f"{prefix}ci_high"]
    unit = quantity(metric).difference_unit
    return f"{show_difference(metric, row[name])} {unit} {show_interval(metric, low, high)}"


def _anova_table(found: pd.DataFrame, condition: str) -> Table:
    rows = tuple(
        (
            row["term"].replace(":", " with "),
            Cell(f"{row['df']:.0f}", row["df"]),
            Cell(f"{row['f']:,.2f}", row["f"]),
            Cell(show_p(row["p_value"]), row["p_value"]),
            Cell(f"{row['partial_eta_squared']:.2f}", row["partial_eta_squared"]),
            Cell(f"[{row['eta_ci_low']:.2f}, {row['eta_ci_high']:.2f}]", row["eta_ci_low"]),
        )
        for row in found.to_dict("records")
    )
    return Table(ANOVA_COLUMNS, rows, _under(condition, ANOVA_CAPTION), name="anova")


def _interactions_table(found: pd.DataFrame, metric: str, condition: str) -> Table:
    unit = quantity(metric).difference_unit
    columns = (
        Column("first change", "left"),
        Column("second change", "left"),
        Column(f"difference of differences ({unit})"),
        Column("95 % interval"),
        Column("p"),
        Column("p, Holm"),
    )
    rows = tuple(
        (
            row["first"],
            row["second"],
            Cell(show_difference(metric, row["difference"]), row["difference"]),
            Cell(show_interval(metric, row["ci_low"], row["ci_high"]), row["ci_low"]),
            Cell(show_p(row["p_value"]), row["p_value"]),
            Cell(show_p(row["p_adjusted"]), row["p_adjusted"]),
        )
        for row in found.to_dict("records")
    )
    return Table(columns, rows, _under(condition, INTERACTIONS_CAPTION), name="interactions")


def _under(condition: str, sentence: str) -> str:
    return f"At {condition}: {sentence}" if condition else sentence


def interaction_chart(results: Results, tables: Tables) -> InteractionChart | None:
    """A panel for every two tested factors under every condition; None where no trial has finished."""
    primary = results.plan["study"]["primary"]
    panels = [
        panel
        for name, trials in by_condition(results.plan, tables.planned).items()
        for pair in combinations(_columns(results.plan), 2)
        if (panel := _panel(trials, pair, primary, name)).lines
    ]
    if not panels:
        return None
    return InteractionChart(
        title="Interaction of the factors",
        unit=quantity(primary).header,
        file=FILE,
        summary=SUMMARY + told(min(len(panels), MOST_PANELS), len(panels), "the first pairs, in the study's order"),
        panels=tuple(panels[:MOST_PANELS]),
    )


def _columns(plan: dict[str, Any]) -> list[str]:
    """The tested factors that vary."""
    column = {factor["path"]: factor["column"] for factor in plan["factors"]}
    return [column[path] for path in varied_factors(plan)]


def _panel(trials: pd.DataFrame, factors: tuple[str, str], metric: str, condition: str) -> LinePanel:
    """The first factor along the axis, the second as lines; the one with more levels goes along the axis."""
    along, apart = sorted(factors, key=lambda column: -trials[column].nunique())
    levels = list(dict.fromkeys(trials[along]))
    lines = [
        line
        for level in list(dict.fromkeys(trials[apart]))[:MOST_LINES]
        if (line := _line(trials[trials[apart] == level], along, levels, metric, f"{apart} {level}")).x
    ]
    return LinePanel(condition, along, tuple(lines), tuple(map(str, levels)))


def _line(trials: pd.DataFrame, along: str, levels: list[Any], metric: str, label: str) -> Line:
    found: dict[int, Estimate] = {}
    for number, level in enumerate(levels):
        # One number a seed first: seeds are what the interval is about, not cells.
        by_seed = trials[trials[along] == level].groupby("seed")[metric].mean()
        estimate = mean_estimate(by_seed.to_numpy(dtype=np.float64), quantity(metric).scale)
        if estimate is not None:
            found[number] = estimate
    return Line(label, tuple(found), tuple(found.values()))
