"""Every contrast with all its statistics."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.records import Results
from ablate.report.contrasting import crosses_factors, why_no_contrasts
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show_difference, show_interval, show_p, show_plain

COLUMNS = (
    Column("variant", "left"),
    Column("baseline", "left"),
    Column("metric", "left"),
    Column("n"),
    Column("difference"),
    Column("95 % interval"),
    Column("p"),
    Column("p, sign flips"),
    Column("p, Holm"),
    Column("d_z"),
    Column("verdict", "left"),
    Column("badges", "left"),
)

EFFECTS = (
    "Each row is a main effect: the level minus the baseline's level, averaged over every combination of the other "
    "factors' levels. Data are no such factor: where they vary, each row holds for the data that it names."
)


def contrasts_section(results: Results, tables: Tables) -> list[Block]:
    if tables.contrasts.empty:
        return [Heading("Contrasts"), Paragraph(f"None: {why_no_contrasts(results.plan)}.")]
    rows = tuple(_row(row) for row in tables.contrasts.to_dict("records"))
    primary = results.plan["study"]["primary"]
    scope = f"Verdicts are about {primary} alone; the other metrics are described, not tested as a family."
    effects = [Paragraph(EFFECTS)] if crosses_factors(results.plan) else []
    return [Heading("Contrasts"), Table(COLUMNS, rows), Paragraph(scope), *effects]


def _row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    metric = row["metric"]
    return (
        row["variant"],
        row["baseline"],
        metric,
        ABSENT if pd.isna(row["n"]) else str(row["n"]),
        f"{show_difference(metric, row['difference'])} {_unit(metric)}".rstrip(),
        show_interval(metric, row["ci_low"], row["ci_high"]),
        show_p(row["p_value"]),
        show_p(row["p_sign_flip"]),
        show_p(row["p_adjusted"]),
        show_plain(row["effect_size"]),
        row["verdict"] or ABSENT,
        row["badges"].replace(";", ", "),
    )


def _unit(metric: str) -> str:
    # Parameters and MACs are named by the metric's own column.
    unit = quantity(metric).difference_unit
    return {"percentage points": "pp", "parameters": "", "MACs": ""}.get(unit, unit)
