"""The results folder: what is written into it, how, and how it is read back as tables. Free of torch.

plan.json, costs.json, environment.json, records/ and failures/ are the truth; everything else is derived from them.
Files are written beside their place, synced and renamed, so a reader sees the old content or the new, never a part.
"""

import base64
import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.cost_sets import CostGroup, cost_table, planned_group
from ablate.errors import ResultsError

TRIAL_METRICS = ("accuracy", "test_loss", "train_seconds", "train_images_per_second")
CURVE_COLUMNS = ("variant", "seed", "epoch", "train_loss", "train_accuracy", "learning_rate")
State = Literal["complete", "diverged"]
ENDED: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one finished trial measured.

    `metrics` holds the per-trial columns (None where a diverged trial has no number), `curve` one row an epoch,
    `correct` one bit a test image (base64, most significant bit first), `environment` an id in environment.json.
    """

    key: str
    seed: int
    state: State
    metrics: dict[str, float | None]
    steps: int
    curve: list[dict[str, float | None]]
    correct: str
    test_images: int
    attempts: int = 1
    environment: str = ""


@dataclass(frozen=True)
class PackedBits:
    """`count` bits, eight a byte, most significant first."""

    packed: bytes
    count: int


@dataclass(frozen=True)
class Results:
    """A results folder as tables.

    `trials`: the columns of trials.csv, one row a finished or failed trial. `costs`: one row a variant, all of one
    machine and one set of conditions, without rows when nothing was measured. `curves`: variant, seed, epoch,
    train_loss, train_accuracy, learning_rate, and validation_loss where a recipe watches it. `cost_group`: what
    `costs` was taken from, with rounds and conditions. `correct`: key of a finished trial -> one bit a test image.
    """

    folder: Path
    plan: dict[str, Any]
    trials: pd.DataFrame
    costs: pd.DataFrame
    curves: pd.DataFrame
    environments: dict[str, dict[str, Any]]
    cost_group: CostGroup | None
    correct: dict[str, PackedBits] = field(default_factory=dict)


def canonical(value: Any) -> bytes:
    """JSON with one spelling: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(value: Any) -> str:
    """sha256, hexadecimal, of canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step that survives a crash at any moment; `ResultsError` if it cannot be."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        raise ResultsError(
            f"{path}: cannot be written ({error.strerror}); name another folder with --results"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON; a number that is not finite is a bug and raises `ValueError`."""
    write_bytes(path, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """What `path` holds; a file that is absent gives None, one that is not JSON raises `ResultsError`."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise ResultsError(f"{path}: cannot be read ({error}); restore it or delete it to have it made anew") from error


def record_path(folder: Path, key: str) -> Path:
    return folder / "records" / f"{key}.json"


def failure_path(folder: Path, key: str) -> Path:
    return folder / "failures" / f"{key}.json"


def log_path(folder: Path, key: str) -> Path:
    return folder / "logs" / f"{key}.log"


def save_record(folder: Path, record: Record) -> None:
    write_json(record_path(folder, record.key), asdict(record))


def load_record(folder: Path, key: str) -> Record | None:
    """The record of `key`, None while there is none; a file that is no record of that key raises `ResultsError`."""
    path = record_path(folder, key)
    stored = read_json(path)
    if stored is None:
        return None
    try:
        record = Record(**stored)
    except TypeError as error:
        raise ResultsError(
            f"{path}: is no record of this version ({error}); delete it to run the trial again"
        ) from error
    if not set(TRIAL_METRICS) <= set(record.metrics):
        raise ResultsError(f"{path}: lacks one of {', '.join(TRIAL_METRICS)}; delete it to run the trial again")
    if record.key != key:
        raise ResultsError(f"{path}: holds the record of {record.key!r}; delete it to run the trial again")
    return record


def finished_keys(folder: Path) -> set[str]:
    """Keys that have a record, by file name alone."""
    return {path.stem for path in (folder / "records").glob("*.json") if not path.name.startswith(".")}


def pack_bits(correct: NDArray[np.bool_]) -> str:
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack_bits(packed: str, count: int) -> NDArray[np.bool_]:
    """Inverse of `pack_bits`: shape (count,)."""
    return np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8), count=count).astype(bool)


def load_plan(folder: Path) -> dict[str, Any]:
    """plan.json of a results folder; raises `ResultsError` when `folder` is not one."""
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such results folder; `ablate run STUDY` makes one under results/")
    plan = stored_plan(folder)
    if plan is None:
        raise ResultsError(f"{folder}: is no results folder, it has no plan.json; name the one that `ablate run` wrote")
    return plan


def stored_plan(folder: Path) -> dict[str, Any] | None:
    """plan.json of `folder`, None while there is none; a file that is no plan raises `ResultsError`."""
    path = folder / "plan.json"
    plan = read_json(path)
    if plan is not None and not (isinstance(plan, dict) and {"study", "variants", "baseline"} <= plan.keys()):
        raise ResultsError(f"{path}: holds no plan; restore it or delete it to have it made anew")
    return plan


def load_results(folder: Path | str) -> Results:
    """Read a results folder, whether its study is finished or not; raises `ResultsError` when it is none."""
    folder = Path(folder)
    plan = load_plan(folder)
    records = {key: record for key in _planned_keys(plan) if (record := load_record(folder, key)) is not None}
    environments = read_json(folder / "environment.json") or {}
    group = planned_group(read_json(folder / "costs.json"), environments, plan)
    return Results(
        folder=folder,
        plan=plan,
        trials=_trials(folder, plan, records),
        costs=cost_table(group),
        curves=_curves(plan, records),
        environments=environments,
        cost_group=group,
        correct={key: _correct(folder, record) for key, record in records.items()},
    )


def _planned_keys(plan: dict[str, Any]) -> Iterator[str]:
    for variant in plan["variants"]:
        yield from variant["keys"].values()


def _planned_trials(plan: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int, str]]:
    """Every planned (variant, seed, key), variants in the plan's order and seeds rising."""
    for variant in plan["variants"]:
        for seed, key in sorted(variant["keys"].items(), key=lambda item: int(item[0])):
            yield variant, int(seed), key


def levels_of(plan: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    """Factor column -> the name of the level that `variant` of `plan` has."""
    return {factor["column"]: variant["levels"][factor["path"]] for factor in plan["factors"]}


def _trials(folder: Path, plan: dict[str, Any], records: dict[str, Record]) -> pd.DataFrame:
    columns = [factor["column"] for factor in plan["factors"]]
    rows = []
    for variant, seed, key in _planned_trials(plan):
        row = {"variant": variant["variant"], **levels_of(plan, variant), "seed": seed, "key": key}
        if key in records:
            rows.append({**row, **_outcome(records[key])})
        elif (failure := read_json(failure_path(folder, key))) is not None:
            rows.append({**row, **_failure(failure)})
    tail = ["seed", "key", "state", *TRIAL_METRICS, "attempts", "error", "environment"]
    return pd.DataFrame(rows, columns=["variant", *columns, *tail])


def _outcome(record: Record) -> dict[str, Any]:
    metrics = {name: _number(record.metrics[name]) for name in TRIAL_METRICS}
    status = {"state": record.state, "attempts": record.attempts, "error": "", "environment": record.environment}
    return {**metrics, **status}


def _failure(failure: dict[str, Any]) -> dict[str, Any]:
    attempts = failure["attempts"]
    status = {"state": "failed", "attempts": len(attempts), "error": attempts[-1]["cause"], "environment": ""}
    return {**dict.fromkeys(TRIAL_METRICS, math.nan), **status}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _correct(folder: Path, record: Record) -> PackedBits:
    try:
        packed = base64.b64decode(record.correct)
    except ValueError:
        packed = b""
    if len(packed) != -(-record.test_images // 8):
        raise ResultsError(
            f"{record_path(folder, record.key)}: `correct` is not one bit for each of {record.test_images} test images "
            "in base64; delete it to run the trial again"
        )
    return PackedBits(packed, record.test_images)


def _curves(plan: dict[str, Any], records: dict[str, Record]) -> pd.DataFrame:
    rows = [
        {"variant": variant["variant"], "seed": seed, **point}
        for variant, seed, key in _planned_trials(plan)
        if key in records
        for point in records[key].curve
    ]
    watched = ["validation_loss"] if any("validation_loss" in row for row in rows) else []
    return pd.DataFrame(rows, columns=[*CURVE_COLUMNS, *watched])
