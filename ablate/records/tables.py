"""A results folder as tables."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.cost_sets import CostGroup, planned_group
from ablate.errors import ResultsError
from ablate.records.places import record_path
from ablate.records.record import PackedBits, Record, packed_bits, read_record
from ablate.records.stored import load_plan, stored_costs, stored_environments, stored_failure
from ablate.schema.record import CURVE_FIELDS, TRIAL_METRICS

CURVE_COLUMNS = ("variant", "seed", *CURVE_FIELDS)


@dataclass(frozen=True)
class Results:
    """A results folder as tables.

    `trials`: the columns of trials.csv, one row a finished or failed trial; a record that cannot be used is a failed
    one. `costs`: one row a variant, all of one machine and one set of conditions, without rows when nothing was
    measured. `curves`: variant, seed, epoch, train_loss, train_accuracy, learning_rate, and validation_loss where a
    recipe watches it. `cost_group`: what `costs` was taken from, with rounds and conditions. `correct`: key of a
    finished trial -> one bit a test image.
    """

    folder: Path
    plan: dict[str, Any]
    trials: pd.DataFrame
    costs: pd.DataFrame
    curves: pd.DataFrame
    environments: dict[str, dict[str, Any]]
    cost_group: CostGroup | None
    correct: dict[str, PackedBits] = field(default_factory=dict)


@dataclass(frozen=True)
class _Outcomes:
    """What the planned trials came to, by key; `damaged` says why a record cannot be used."""

    records: Mapping[str, Record]
    damaged: Mapping[str, str]


def load_results(folder: Path | str) -> Results:
    """Read a results folder, whether its study is finished or not; raises `ResultsError` when it is none."""
    folder = Path(folder)
    plan = load_plan(folder)
    outcomes = _outcomes(folder, plan)
    environments = stored_environments(folder)
    group = planned_group(stored_costs(folder), environments, plan)
    return Results(
        folder=folder,
        plan=plan,
        trials=_trials(folder, plan, outcomes),
        costs=cost_table(group),
        curves=_curves(plan, outcomes.records),
        environments=environments,
        cost_group=group,
        correct={key: packed_bits(record) for key, record in outcomes.records.items()},
    )


def cost_table(group: CostGroup | None) -> pd.DataFrame:
    """`variant` and the columns of `group`, one row a variant; without rows where nothing was measured."""
    variants = {} if group is None else group.variants
    return pd.DataFrame([{"variant": name, **own.columns} for name, own in variants.items()] or {"variant": []})


def levels_of(plan: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    """Factor column -> the name of the level that `variant` of `plan` has."""
    return {factor["column"]: variant["levels"][factor["path"]] for factor in plan["factors"]}


def shared_places(variant: dict[str, Any]) -> list[dict[str, str]]:
    """Further levels, by the paths of their factors, that a variant of a plan stands for."""
    return list(variant["also"]) if "also" in variant else []


def _outcomes(folder: Path, plan: dict[str, Any]) -> _Outcomes:
    records: dict[str, Record] = {}
    damaged: dict[str, str] = {}
    for key in dict.fromkeys(key for _variant, _seed, key in _planned_trials(plan)):
        try:
            # Named as seen from the folder: the tables are the same wherever it lies.
            record = read_record(folder, key, record_path(Path(), key).as_posix())
        except ResultsError as error:
            damaged[key] = str(error)
        else:
            records |= {} if record is None or record.scored != "test" else {key: record}
    return _Outcomes(records, damaged)


def _planned_trials(plan: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int, str]]:
    """Every planned (variant, seed, key), variants in the plan's order and seeds rising."""
    for variant in plan["variants"]:
        for seed, key in sorted(variant["keys"].items(), key=lambda item: int(item[0])):
            yield variant, int(seed), key


def _trials(folder: Path, plan: dict[str, Any], outcomes: _Outcomes) -> pd.DataFrame:
    columns = [factor["column"] for factor in plan["factors"]]
    rows = [
        {"variant": variant["variant"], **levels_of(plan, variant), "seed": seed, "key": key, **outcome}
        for variant, seed, key in _planned_trials(plan)
        if (outcome := _outcome(folder, key, outcomes)) is not None
    ]
    tail = ["seed", "key", "state", *TRIAL_METRICS, "attempts", "error", "environment"]
    return pd.DataFrame(rows, columns=["variant", *columns, *tail])


def _outcome(folder: Path, key: str, outcomes: _Outcomes) -> dict[str, Any] | None:
    """The columns that say what became of the trial `key`; None while it has no outcome."""
    if key in outcomes.records:
        return _measured(outcomes.records[key])
    if key in outcomes.damaged:
        return _failed(0, outcomes.damaged[key])
    failure = stored_failure(folder, key)
    return None if failure is None else _failed(len(failure["attempts"]), failure["attempts"][-1]["cause"])


def _measured(record: Record) -> dict[str, Any]:
    metrics = {name: _number(record.metrics[name]) for name in TRIAL_METRICS}
    status = {"state": record.state, "attempts": record.attempts, "error": "", "environment": record.environment}
    return {**metrics, **status}


def _failed(attempts: int, cause: str) -> dict[str, Any]:
    status = {"state": "failed", "attempts": attempts, "error": cause, "environment": ""}
    return {**dict.fromkeys(TRIAL_METRICS, math.nan), **status}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _curves(plan: dict[str, Any], records: Mapping[str, Record]) -> pd.DataFrame:
    rows = [
        {"variant": variant["variant"], "seed": seed, **point}
        for variant, seed, key in _planned_trials(plan)
        if key in records
        for point in records[key].curve
    ]
    watched = ["validation_loss"] if any("validation_loss" in row for row in rows) else []
    return pd.DataFrame(rows, columns=[*CURVE_COLUMNS, *watched])
