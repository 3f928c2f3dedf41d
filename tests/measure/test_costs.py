"""One round over all variants, and the columns that rounds become."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ablate.measure import METRICS, Metric, costs
from ablate.measure.series import Series, Setting
from ablate.measure.subject import Subject
from ablate.models import resolve

DOWNSAMPLES = ("maxpool", "strided")
FIELDS = {"width": 0.0625, "middle_depth": 0, "input_size": 8, "num_classes": 3}


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module, function in (("latency", "call_seconds"), ("throughput", "row_seconds")):
        timed = getattr(__import__(f"ablate.measure.{module}", fromlist=["_"]), function)
        short = lambda call, device, timed=timed: timed(call, device, 0.001)  # noqa: E731
        monkeypatch.setattr(f"ablate.measure.{module}.{function}", short)
    costs._subjects.cache_clear()
    yield
    costs._subjects.cache_clear()


def task(**changes: Any) -> dict[str, Any]:
    variants = {name: resolve("mini_xception", {**FIELDS, "downsample": name}).as_json() for name in DOWNSAMPLES}
    return {
        "variants": variants,
        "metrics": ["latency", "throughput", "memory", "macs"],
        "batch_sizes": [1, 4],
        "modes": ["eager"],
        "device": "cpu",
        "seed": 0,
        "broken": [],
        **changes,
    }


MET: list[tuple[str, str, int]] = []


def series(setting: Setting) -> list[Series]:
    return [Series("fake", "first", 1), Series("fake", "second", setting.largest)]


def sample(subject: Subject, taken: Series) -> list[float]:
    """A metric for the tests: notes whom it met, and gives 1, 2, 3 ... as samples."""
    kind = "maxpool" if "MaxPool2d" in str(subject.network) else "strided"
    MET.append((kind, taken.column, id(subject)))
    if (kind, taken.column) == ("strided", "second"):
        raise MemoryError("too much\nof it")
    return [float(len(MET))]


def measure(taken: Series, samples: list[float]) -> Iterator[tuple[str, float]]:
    yield taken.column, sum(samples)


@pytest.fixture
def fake_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    MET.clear()
    entry = Metric(kind="per_variant", direction="lower", columns=("first",), unit="calls", module="here")
    monkeypatch.setitem(METRICS, "fake", entry)
    functions = {"here:sample": sample, "here:measure": measure, "here:series": series}
    monkeypatch.setattr(costs, "load_dotted", lambda path: functions[path])


@pytest.mark.usefixtures("fake_metric")
class TestRound:
    def test_variants_take_turns_within_every_series_in_an_order_of_the_round(self) -> None:
        orders = set()
        for seed in range(8):
            MET.clear()
            costs.run(task(metrics=["fake"], seed=seed), lambda _: None)
            assert [column for _, column, _ in MET] == ["first"] * 2 + ["second"] * 2
            orders.add(tuple(kind for kind, _, _ in MET[:2]))
        assert orders == {("maxpool", "strided"), ("strided", "maxpool")}

    def test_a_network_is_built_once_for_all_rounds(self) -> None:
        for seed in range(3):
            costs.run(task(metrics=["fake"], seed=seed), lambda _: None)
        assert len({subject for _, _, subject in MET}) == 2

    def test_networks_beyond_what_may_be_held_are_built_for_their_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(costs, "HELD_BYTES", 1)
        costs.run(task(metrics=["fake"]), lambda _: None)
        assert costs._subjects("cpu")._held == {}

    def test_what_fails_is_a_problem_and_the_others_go_on(self) -> None:
        result = costs.run(task(metrics=["fake"]), lambda _: None)
        assert result["problems"] == [
            {"variant": "strided", "metric": "fake", "column": "second", "cause": "MemoryError: too much"}
        ]
        assert {name: set(columns) for name, columns in result["samples"].items()} == {
            "maxpool": {"first", "second"},
            "strided": {"first"},
        }

    def test_what_is_broken_is_left_out(self) -> None:
        costs.run(task(metrics=["fake"], broken=[["strided", "second"]]), lambda _: None)
        assert ("strided", "second") not in {(kind, column) for kind, column, _ in MET}
        assert len(MET) == 3

    def test_it_says_what_it_turns_to_before_it_does(self) -> None:
        told: list[dict[str, Any]] = []
        costs.run(task(metrics=["fake"]), told.append)
        assert [(each["variant"], each["column"]) for each in told] == [(kind, column) for kind, column, _ in MET]
        assert {each["metric"] for each in told} == {"fake"}


class TestColumns:
    def test_every_series_of_every_metric_has_samples_and_becomes_columns(self) -> None:
        result = json.loads(json.dumps(costs.run(task(), lambda _: None), allow_nan=False))
        assert result["problems"] == []
        condensed = costs.condense({**task(), "samples": result["samples"]}, lambda _: None)
        for name in DOWNSAMPLES:
            assert set(condensed[name]) >= {
                "latency_ms_p50",
                "latency_ms_p50_b4",
                "inference_images_per_second",
                "training_images_per_second",
                "memory_mib",
                "memory_activations_mib",
                "macs_fvcore",
            }
            assert all(value > 0 for value in condensed[name].values())

    def test_the_samples_of_all_rounds_make_one_median(self) -> None:
        samples = {"a": {"latency_ms_p50": [1.0, 2.0, 4.0, 100.0]}}
        condensed = costs.condense({**task(), "samples": samples}, lambda _: None)
        assert condensed == {"a": {"latency_ms_p50": 3.0}}

    def test_operators_without_a_formula_are_listed(self) -> None:
        found = costs.uncounted(task(), lambda _: None)
        # fvcore has none for max pooling (and none for adding a skip connection).
        assert "aten::max_pool2d" in found["maxpool"]
        assert "aten::max_pool2d" not in found["strided"]
        assert "aten::add" in found["strided"] or "aten::add_" in found["strided"]
