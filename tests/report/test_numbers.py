import math
from typing import get_args

import pytest

from ablate.measure import METRICS
from ablate.measure.series import suffix
from ablate.report.numbers import (
    QUANTITIES,
    column_name,
    quantity,
    show,
    show_difference,
    show_interval,
    show_mean,
    show_p,
    show_range,
    show_ratio,
)
from ablate.schema import Mode


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("accuracy", 0.75434, "75.43"),
        ("params", 22855952, "22,855,952"),
        ("macs", 8357403496, "8.36 G"),
        ("macs", 35_123_456, "35.1 M"),
        ("macs", 999_700_000, "1.00 G"),
        ("macs", 12, "12"),
        ("latency_ms_p50", 1.2345, "1.23"),
        ("latency_ms_p50", 0.01234, "0.0123"),
        ("inference_images_per_second", 12345.6, "12,300"),
        ("test_loss", 0.0, "0"),
        ("accuracy", math.nan, "–"),
        ("something_new", 1.5, "1.50"),
    ],
)
def test_values(column, value, shown):
    assert show(column, value) == shown


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("accuracy", 0.0109, "+1.09"),
        ("accuracy", -0.0109, "-1.09"),
        ("params", 3000.0, "+3,000"),
        ("macs", -35_100_000.0, "-35.1 M"),
        ("test_loss", -0.01234, "-0.0123"),
    ],
)
def test_differences_have_their_sign(column, value, shown):
    assert show_difference(column, value) == shown


def test_means_and_intervals():
    assert show_mean("accuracy", 0.75, 0.74, 0.76) == "75.00 ± 1.00"
    assert show_mean("accuracy", 0.75, math.nan, math.nan) == "75.00"
    assert show_interval("accuracy", -0.001, 0.0202) == "[-0.10, +2.02]"
    assert show_interval("accuracy", math.nan, math.nan) == "–"


@pytest.mark.parametrize(("p_value", "shown"), [(0.03125, "0.0312"), (0.00001, "< 0.0001"), (1.0, "1.0000")])
def test_p_values_are_never_nought(p_value, shown):
    assert show_p(p_value) == shown


def test_headers_carry_unit_and_batch():
    assert quantity("latency_ms_p50").header == "latency, median (ms, batch 1)"
    assert quantity("latency_ms_p90_b64").header == "latency, p90 (ms, batch 64)"
    assert quantity("macs").header == "MACs, torch (multiply-adds)"


@pytest.mark.parametrize(
    ("column", "header"),
    [
        ("latency_ms_p99", "latency, p99 (ms, batch 1)"),
        ("latency_ms_p50_compiled", "latency, median (ms, batch 1, compiled)"),
        ("latency_ms_p50_b64_compiled", "latency, median (ms, batch 64, compiled)"),
        ("latency_ms_p90_b8_cuda_graph", "latency, p90 (ms, batch 8, CUDA graph)"),
        ("inference_images_per_second_compiled", "inference (images/s, compiled)"),
        ("memory_mib_b32", "memory, one training step (MiB, batch 32)"),
        ("params_compiled", "parameters (compiled)"),
        ("something_b64", "something_b64"),
    ],
)
def test_headers_say_what_a_column_s_name_ends_in(column, header):
    assert quantity(column).header == header


@pytest.mark.parametrize("batch", [1, 2, 64])
@pytest.mark.parametrize("mode", get_args(Mode))
def test_names_come_apart_as_they_were_put_together(batch, mode):
    found = column_name(f"latency_ms_p50{suffix(batch, mode)}")
    expected = ("latency_ms_p50", None if batch == 1 else batch, None if mode == "eager" else mode)
    assert found == expected


def test_ranges_and_ratios():
    assert show_range("latency_ms_p50", 2.5512, 2.7049) == "[2.55, 2.70]"
    assert show_range("latency_ms_p50", math.nan, math.nan) == ""
    assert [show_ratio(value) for value in (1.0344, 0.5, 1234.5, math.nan)] == ["1.034", "0.500", "1,234.500", "–"]


def test_every_metric_has_a_header():
    columns = {column for metric in METRICS.values() for column in metric.columns}
    assert columns <= set(QUANTITIES)
