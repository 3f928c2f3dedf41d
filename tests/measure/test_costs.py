"""The cost phase: variants interleaved round by round, and what comes out of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ablate.measure import METRICS, Metric, costs
from ablate.measure.subject import Round, Subject
from ablate.models import resolve

DOWNSAMPLES = ("maxpool", "strided")


def task(**changes: Any) -> dict[str, Any]:
    fields = {"width": 0.0625, "middle_depth": 0, "input_size": 8, "num_classes": 3}
    variants = {name: resolve("mini_xception", {**fields, "downsample": name}).as_json() for name in DOWNSAMPLES}
    return {
        "variants": variants,
        "metrics": ["latency", "throughput", "memory"],
        "batch_sizes": [1, 4],
        "seconds_per_variant": 0.01,
        "device": "cpu",
        **changes,
    }


CALLS: list[tuple[str, int]] = []


def sample(subject: Subject) -> Round:
    """A metric for the tests: notes whom it met, and gives 1, 2, 3 ... as samples."""
    kind = "maxpool" if "MaxPool2d" in str(subject.network) else "strided"
    CALLS.append((kind, id(subject)))
    return {"x": [float(len(CALLS))]}


def measure(rounds: list[Round]) -> Iterator[tuple[str, float]]:
    yield "fake", sum(taken["x"][0] for taken in rounds)


@pytest.fixture
def fake_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    entry = Metric(kind="per_variant", direction="lower", columns=("fake",), unit="calls", module="here")
    monkeypatch.setitem(METRICS, "fake", entry)
    functions = {"here:sample": sample, "here:measure": measure}
    monkeypatch.setattr(costs, "load_dotted", lambda path: functions[path])


@pytest.mark.usefixtures("fake_metric")
def test_variants_take_turns_within_every_round() -> None:
    reports: list[dict[str, Any]] = []
    result = costs.run(task(metrics=["fake"], seconds_per_variant=1e-9), reports.append)
    assert [kind for kind, _ in CALLS] == ["maxpool", "strided"] * 3
    assert len({subject for _, subject in CALLS}) == 2  # each is built once
    assert result["rounds"] == 3
    assert result["variants"] == {
        "maxpool": {"columns": {"fake": 1 + 3 + 5}, "rounds": {"fake": {"x": [1.0, 3.0, 5.0]}}},
        "strided": {"columns": {"fake": 2 + 4 + 6}, "rounds": {"fake": {"x": [2.0, 4.0, 6.0]}}},
    }
    assert [report["round"] for report in reports] == [1, 2, 3]


@pytest.mark.usefixtures("fake_metric")
def test_rounds_go_on_until_the_time_of_all_variants_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.measure.costs.time.perf_counter", lambda: float(len(CALLS)))
    result = costs.run(task(metrics=["fake"], seconds_per_variant=5.0), lambda _: None)
    assert result["rounds"] == 5  # two seconds a round on this clock, two variants of five seconds


def test_a_set_of_costs_is_json_with_a_column_and_rounds_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("latency", "throughput"):
        monkeypatch.setattr(f"ablate.measure.{name}.SECONDS_A_ROUND", 0.001)
    result = json.loads(json.dumps(costs.run(task(), lambda _: None), allow_nan=False))
    assert list(result) == ["conditions", "rounds", "variants"]
    assert list(result["variants"]) == list(DOWNSAMPLES)
    for measured in result["variants"].values():
        always = {"latency_ms_p50", "latency_ms_p50_b4", "inference_images_per_second", "memory_mib"}
        assert always <= set(measured["columns"])
        assert {metric: set(rounds) for metric, rounds in measured["rounds"].items()} == {
            "latency": {"1", "4"},
            "throughput": {"4"},
            "memory": {"bytes"},
        }
        taken = [values for rounds in measured["rounds"].values() for values in rounds.values()]
        assert {len(values) for values in taken} == {result["rounds"]}
        # A CPU's bytes are counted, so every round has the very number of the column.
        assert {count / 2**20 for count in measured["rounds"]["memory"]["bytes"]} == {measured["columns"]["memory_mib"]}


def test_conditions_say_under_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("latency", "throughput"):
        monkeypatch.setattr(f"ablate.measure.{name}.SECONDS_A_ROUND", 0.001)
    conditions = costs.run(task(metrics=["throughput"]), lambda _: None)["conditions"]
    assert conditions == {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "batch_sizes": [1, 4],
        "dtype": "float32",
        "layout": "channels_last",
        "mode": "eager",
        "seconds_per_variant": 0.01,
    }


def test_a_round_is_the_median_of_its_samples() -> None:
    rounds: list[Round] = [{"1": [1.0, 2.0, 4.0, 100.0]}, {"1": [16_777_217.0]}]
    # The mean of the middle two; a count above 2^24 is not rounded.
    assert costs._medians({"latency": rounds}) == {"latency": {"1": [3.0, 16_777_217.0]}}
