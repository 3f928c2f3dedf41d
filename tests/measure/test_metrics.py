"""The table of metrics: every entry keeps what it declares. The simple metrics by hand."""

import importlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ablate.lookup import load_dotted
from ablate.measure import ALWAYS, DIRECTIONS, METRICS, metrics_of
from ablate.measure.evaluation import Evaluation
from ablate.measure.subject import Subject
from ablate.models.counts import Counts
from ablate.records import TRIAL_METRICS

CPU = torch.device("cpu")
EVALUATION = Evaluation(np.array([0.5, 1.0, 3.0, 1.5]), np.array([True, False, False, True]))


def tiny(batch_sizes: tuple[int, ...] = (1, 2)) -> Subject:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    return Subject(network, (3, 8, 8), batch_sizes, CPU)


def yielded(name: str) -> Iterator[tuple[str, float]]:
    """The pairs that a metric yields from what its kind is given."""
    measure = load_dotted(f"{METRICS[name].module}:measure")
    match METRICS[name].kind:
        case "exact":
            yield from measure(Counts(params=7, macs=11))
        case "per_trial":
            yield from measure(EVALUATION)
        case "per_variant":
            sample = load_dotted(f"{METRICS[name].module}:sample")
            yield from measure([sample(tiny()) for _ in range(2)])


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("latency", "throughput"):
        monkeypatch.setattr(f"ablate.measure.{name}.SECONDS_A_ROUND", 0.01)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_yields_the_columns_that_it_declares(name: str) -> None:
    pairs = list(yielded(name))
    columns = [column for column, _ in pairs]
    assert len(set(columns)) == len(columns)
    assert columns[0] == METRICS[name].columns[0]
    assert {column.partition("_b2")[0] for column in columns} <= set(METRICS[name].columns)
    assert all(math.isfinite(value) and value >= 0 for _, value in pairs)


@pytest.mark.parametrize("name", METRICS)
def test_a_module_has_the_functions_of_its_kind(name: str) -> None:
    module = importlib.import_module(METRICS[name].module)
    assert callable(module.measure)
    assert hasattr(module, "sample") == (METRICS[name].kind == "per_variant")
    assert METRICS[name].module == f"ablate.measure.{name}"
    assert METRICS[name].unit


def test_columns_belong_to_one_metric() -> None:
    columns = [column for metric in METRICS.values() for column in metric.columns] + list(ALWAYS)
    assert len(columns) == len(set(columns))
    assert set(DIRECTIONS) == set(columns)
    assert {name for name, way in DIRECTIONS.items() if way == "higher"} == {
        "accuracy",
        "inference_images_per_second",
        "train_images_per_second",
    }


def test_the_columns_of_a_trial_are_those_that_records_carry() -> None:
    columns = {column for name in metrics_of("per_trial", list(METRICS)) for column in METRICS[name].columns}
    assert columns | set(ALWAYS) == set(TRIAL_METRICS)


def test_metrics_of_a_kind_keep_their_order() -> None:
    asked = ["memory", "accuracy", "latency", "macs"]
    assert metrics_of("per_variant", asked) == ["memory", "latency"]
    assert metrics_of("exact", asked) == ["macs"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", {"accuracy": 0.5}),
        ("test_loss", {"test_loss": 1.5}),
        ("params", {"params": 7}),
        ("macs", {"macs": 11}),
    ],
)
def test_simple_metrics_by_hand(name: str, expected: dict[str, Any]) -> None:
    assert dict(yielded(name)) == expected
