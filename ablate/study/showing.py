"""What a run leaves in its ledger for Optuna's own tools: a trial a variant, its mean and its cost as objectives."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablate.ledger import Direction, Mirrored, file_place, mirror
from ablate.measure import DIRECTIONS
from ablate.study.plan import Plan

if TYPE_CHECKING:
    from ablate.report import Tables


def show_variants(plan: Plan, folder: Path, tables: "Tables") -> None:
    """Have the ledger in `folder`, if it is there, hold the variants with results. Raises `LedgerError`."""
    place, primary = file_place(folder), plan.study.config.primary
    columns = [factor.column for factor in plan.study.factors]
    rows = [row for row in tables.variants.to_dict("records") if not math.isnan(row[f"{primary}_mean"])]
    if not place.file.exists() or not rows:
        return
    way: Direction = "maximize" if DIRECTIONS[primary] == "higher" else "minimize"
    mirrored = [_mirrored(row, columns, f"{primary}_mean") for row in rows]
    mirror(place, plan.study.config.name, {primary: way, "macs": "minimize"}, mirrored)


def _mirrored(row: Mapping[Any, Any], columns: list[str], mean: str) -> Mirrored:
    notes = {"variant": row["variant"], "n": int(row["n"]), "params": int(row["params"]), "badges": row["badges"]}
    return Mirrored({column: str(row[column]) for column in columns}, (float(row[mean]), float(row["macs"])), notes)
