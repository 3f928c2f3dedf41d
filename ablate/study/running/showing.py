"""What a run leaves in its ledger for Optuna's own tools: the variants as trials, and what a search tried.

The objectives of a variant are its mean and its cost; those of a combination are what the search went by.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablate.errors import LedgerError
from ablate.ledger import Mirrored, Place, file_place, mirror
from ablate.measure import METRICS
from ablate.schema import value_of
from ablate.study.planning.plan import Plan
from ablate.study.running.events import FindingsNotShown, Observer
from ablate.study.running.tried import DIRECTIONS, Direction

if TYPE_CHECKING:
    from ablate.report import Tables


def show_findings(plan: Plan, folder: Path, tables: "Tables", observer: Observer) -> None:
    """Have the ledger in `folder`, if it is there, hold what there is by now; one that cannot be used fails no run."""
    place = file_place(folder)
    if not place.file.exists():
        return
    try:
        _show(plan, place, tables)
    except LedgerError as error:
        observer(FindingsNotShown(str(error)))


def _show(plan: Plan, place: Place, tables: "Tables") -> None:
    name = plan.study.config.name
    if plan.searched is not None:
        assert plan.study.config.search is not None
        objectives = plan.study.config.search.objectives
        tried = [_tried(each, [value_of(metric) for metric in objectives]) for each in plan.searched["trials"]]
        mirror(place, name, "search", _ways(objectives), tried)
    primary = plan.study.config.primary
    columns = [factor.column for factor in plan.study.factors]
    rows = [row for row in tables.variants.to_dict("records") if not math.isnan(row[f"{primary}_mean"])]
    if rows:
        mirrored = [_variant(row, columns, f"{primary}_mean") for row in rows]
        mirror(place, name, "variants", _ways((primary, "macs")), mirrored)


def _ways(metrics: tuple[str, ...]) -> dict[str, Direction]:
    return {metric: DIRECTIONS[METRICS[metric].direction] for metric in metrics}


def _variant(row: Mapping[Any, Any], columns: list[str], mean: str) -> Mirrored:
    notes = {"variant": row["variant"], "n": int(row["n"]), "params": int(row["params"]), "badges": row["badges"]}
    return Mirrored({column: str(row[column]) for column in columns}, (float(row[mean]), float(row["macs"])), notes)


def _tried(trial: Mapping[str, Any], values: list[str]) -> Mirrored:
    is_whole = trial["state"] == "complete"
    beyond = {name: value for name, value in trial["values"].items() if name not in values and value is not None}
    found = [float(trial["values"][name]) for name in values] if is_whole else None
    return Mirrored(trial["levels"], found, {"state": trial["state"], **beyond})
