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
from ablate.measure import ALWAYS, DIRECTIONS, METRICS, cost_metrics, metrics_of
from ablate.measure.evaluation import Evaluation
from ablate.measure.series import Setting
from ablate.measure.subject import Subject
from ablate.models.counts import Counts
from ablate.records import TRIAL_METRICS

CPU = torch.device("cpu")
EVALUATION = Evaluation(np.array([0.5, 1.0, 3.0, 1.5]), np.array([True, False, False, True]))


def tiny() -> Subject:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    return Subject(network, (3, 8, 8), CPU)


def yielded(name: str) -> Iterator[tuple[str, float]]:
    """The pairs that a metric yields from what its kind is given, and those of its second count."""
    metric = METRICS[name]
    if metric.kind == "exact":
        yield from load_dotted(f"{metric.module}:measure")(Counts(params=7, macs=11))
    if metric.kind == "per_trial":
        yield from load_dotted(f"{metric.module}:measure")(EVALUATION)
    if metric.sampler:
        series, sample, measure = (
            load_dotted(f"{metric.sampler}:{function}") for function in ("series", "sample", "measure")
        )
        subject = tiny()
        for taken in series(Setting((1, 2), ("eager",), "cpu")):
            yield from measure(taken, sample(subject, taken))


# What only some devices or many samples give.
NOT_HERE = {"energy_joules", "memory_inference_mib", "latency_ms_p90", "latency_ms_p99"}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_yields_the_columns_that_it_declares(name: str) -> None:
    pairs = list(yielded(name))
    columns = [column.removesuffix("_b2") for column, _ in pairs]
    assert len({column for column, _ in pairs}) == len(pairs)
    assert set(columns) | NOT_HERE >= set(METRICS[name].columns)
    assert set(columns) <= set(METRICS[name].columns)
    assert all(math.isfinite(value) and value >= 0 for _, value in pairs)


@pytest.mark.parametrize("name", METRICS)
def test_a_module_has_the_functions_of_its_kind(name: str) -> None:
    metric = METRICS[name]
    module = importlib.import_module(metric.module)
    assert callable(module.measure)
    assert hasattr(module, "sample") == hasattr(module, "series") == (metric.kind == "per_variant")
    assert metric.module == f"ablate.measure.{name}"
    assert metric.unit


@pytest.mark.parametrize("name", cost_metrics(list(METRICS)))
def test_series_are_of_their_metric_and_named_by_its_columns(name: str) -> None:
    for device in ("cpu", "cuda:0"):
        for taken in load_dotted(f"{METRICS[name].sampler}:series")(Setting((1,), ("eager",), device)):
            assert taken.metric == name
            assert taken.column in METRICS[name].columns


def test_columns_belong_to_one_metric() -> None:
    columns = [column for metric in METRICS.values() for column in metric.columns] + list(ALWAYS)
    assert len(columns) == len(set(columns))
    assert set(DIRECTIONS) == set(columns)
    assert {name for name, way in DIRECTIONS.items() if way == "higher"} == {
        "accuracy",
        "inference_images_per_second",
        "training_images_per_second",
        "train_images_per_second",
    }


def test_the_columns_of_a_trial_are_those_that_records_carry() -> None:
    columns = {column for name in metrics_of("per_trial", list(METRICS)) for column in METRICS[name].columns}
    assert columns | set(ALWAYS) == set(TRIAL_METRICS)


def test_metrics_of_a_kind_keep_their_order() -> None:
    asked = ["memory", "accuracy", "latency", "macs"]
    assert metrics_of("per_variant", asked) == ["memory", "latency"]
    assert metrics_of("exact", asked) == ["macs"]
    assert cost_metrics(asked) == ["memory", "latency", "macs"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", {"accuracy": 0.5}),
        ("test_loss", {"test_loss": 1.5}),
        ("params", {"params": 7}),
        ("macs", {"macs": 11, "macs_fvcore": 4 * 36 * 27 + 5 * 4 * 36}),
    ],
)
def test_simple_metrics_by_hand(name: str, expected: dict[str, Any]) -> None:
    assert dict(yielded(name)) == expected
