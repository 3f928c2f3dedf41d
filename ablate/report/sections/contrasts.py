"""Every contrast with all its statistics."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.records import Results
from ablate.report.contrasting import crosses_factors, why_no_contrasts
from ablate.report.costing import EXACT
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show_difference, show_interval, show_p, show_plain

COLUMNS = (
    Column("variant", "left"),
    Column("baseline", "left"),
    Column("metric", "left"),
    Column("n"),
    Column("difference [95 %, seeds]"),
    Column("[95 %, seeds and images]"),
    Column("verdict", "left", "verdict"),
    Column("p, Holm"),
    Column("p"),
    Column("p, sign flips"),
    Column("d_z"),
    Column("better at (% of seeds)"),
    Column("badges", "left"),
)
SCOPE = "Verdicts are about {primary} alone; other metrics are described, not tested."
LEGEND = (
    "n counts seeds at which both sides have a result. The first interval says what other seeds would give on these "
    "test images; the second, what other seeds and other images would. p belongs to the first interval; p, Holm is p "
    "corrected for everything that was tested, and decides the verdict. d_z is the mean difference over the standard "
    "deviation of the differences. Of the seeds at which the variant was better, ties count half."
)
# Parameters and MACs are named by the metric's own column.
SHORT_UNITS = {"percentage points": "pp", "parameters": "", "MACs": ""}
CAPTION = "Every contrast: the variant minus its baseline, paired by seed"

EFFECTS = (
    "Each row is a main effect: the level minus the baseline's level, averaged over every combination of the other "
    "factors' levels. Data are no such factor: where they vary, each row holds for the data that it names."
)


def contrasts_section(results: Results, tables: Tables) -> list[Block]:
    if tables.contrasts.empty:
        return [Heading("Contrasts"), Paragraph(f"None: {why_no_contrasts(results.plan)}.")]
    # Of counts there is nothing but a difference, which stands with the costs.
    shown = tables.contrasts[~tables.contrasts["metric"].isin(EXACT)]
    table = Table(COLUMNS, tuple(_row(row) for row in shown.to_dict("records")), CAPTION, name="contrasts")
    primary = results.plan["study"]["primary"].replace("_", " ")
    effects = [Paragraph(EFFECTS)] if crosses_factors(results.plan) else []
    return [
        Heading("Contrasts"),
        table.without_empty_columns(),
        Paragraph(SCOPE.format(primary=primary)),
        *effects,
        Paragraph(LEGEND),
    ]


def _row(row: Mapping[Any, Any]) -> tuple[str | Cell, ...]:
    metric = row["metric"]
    n = ABSENT if pd.isna(row["n"]) else str(row["n"])
    return (
        row["variant"],
        row["baseline"],
        metric.replace("_", " "),
        Cell(n, math.nan if n == ABSENT else row["n"]),
        Cell(_difference(row), row["difference"]),
        Cell(show_interval(metric, row["images_ci_low"], row["images_ci_high"]), row["images_ci_low"]),
        row["verdict"] or ABSENT,
        *(Cell(show_p(row[name]), row[name]) for name in ("p_adjusted", "p_value", "p_sign_flip")),
        Cell(show_plain(row["effect_size"]), row["effect_size"]),
        Cell(_share(row["probability_of_improvement"]), row["probability_of_improvement"]),
        row["badges"].replace(";", ", "),
    )


def _difference(row: Mapping[Any, Any]) -> str:
    """`+3.27 [+2.28, +4.26] pp`"""
    metric = row["metric"]
    shown = (show_difference(metric, row["difference"]), show_interval(metric, row["ci_low"], row["ci_high"]))
    return " ".join([*(text for text in shown if text != ABSENT), _unit(metric)]) if shown[0] != ABSENT else ABSENT


def _share(share: float) -> str:
    return ABSENT if math.isnan(share) else f"{100 * share:.0f}"


def _unit(metric: str) -> str:
    unit = quantity(metric).difference_unit
    return {unit: unit, **SHORT_UNITS}[unit]
