"""Latency and throughput: which series, and what their samples become."""

import numpy as np
import pytest
import torch
from torch import nn

from ablate.measure import latency, throughput
from ablate.measure.series import Series, Setting, suffix
from ablate.measure.subject import Subject

MILLISECONDS = np.random.default_rng(0).lognormal(1, 0.5, 700)


@pytest.mark.parametrize(
    ("batch", "mode", "end"),
    [(1, "eager", ""), (64, "eager", "_b64"), (1, "compiled", "_compiled"), (8, "cuda_graph", "_b8_cuda_graph")],
)
def test_columns_name_batch_and_mode(batch: int, mode: str, end: str) -> None:
    assert suffix(batch, mode) == end  # type: ignore[arg-type]


def test_every_batch_and_mode_is_a_series_of_latency() -> None:
    setting = Setting((1, 64), ("eager", "compiled"), "cpu")
    assert [taken.column for taken in latency.series(setting)] == [
        "latency_ms_p50",
        "latency_ms_p50_b64",
        "latency_ms_p50_compiled",
        "latency_ms_p50_b64_compiled",
    ]


def test_throughput_is_of_the_largest_batch_and_training_is_eager() -> None:
    setting = Setting((8, 1, 32), ("eager", "compiled"), "cpu")
    assert throughput.series(setting) == [
        Series("throughput", "inference_images_per_second", 32),
        Series("throughput", "inference_images_per_second_compiled", 32, "compiled"),
        Series("throughput", "training_images_per_second", 32),
    ]


@pytest.mark.parametrize(("samples", "percentiles"), [(63, {50}), (64, {50, 90}), (661, {50, 90}), (662, {50, 90, 99})])
def test_few_samples_have_no_high_percentile(samples: int, percentiles: set[int]) -> None:
    found = dict(latency.measure(Series("latency", "latency_ms_p50_b8", 8), MILLISECONDS[:samples].tolist()))
    assert set(found) == {f"latency_ms_p{percentile}_b8" for percentile in percentiles}


def test_percentiles_by_hand() -> None:
    found = dict(latency.measure(Series("latency", "latency_ms_p50", 1), MILLISECONDS[:100].tolist()))
    ordered = np.sort(MILLISECONDS[:100])
    assert found["latency_ms_p50"] == pytest.approx((ordered[49] + ordered[50]) / 2)
    # 0.9 of the way from the first of 100 to the last is place 89.1.
    assert found["latency_ms_p90"] == pytest.approx(0.9 * ordered[89] + 0.1 * ordered[90])


def test_samples_are_in_the_unit_of_their_column(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(nn.Flatten(), (3, 4, 4), torch.device("cpu"))
    monkeypatch.setattr(latency, "call_seconds", lambda _call, _device: [0.002, 0.004])
    assert latency.sample(subject, Series("latency", "latency_ms_p50", 1)) == [2.0, 4.0]
    monkeypatch.setattr(throughput, "row_seconds", lambda _call, _device: 0.5)
    taken = Series("throughput", "inference_images_per_second", 32)
    assert throughput.sample(subject, taken) == [64.0]
    assert dict(throughput.measure(taken, [64.0, 10.0, 70.0])) == {"inference_images_per_second": 64.0}
