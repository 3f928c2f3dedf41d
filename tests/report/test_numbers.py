import math

import pytest

from ablate.measure import METRICS
from ablate.report.numbers import QUANTITIES, quantity, show, show_difference, show_interval, show_mean, show_p


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
    assert quantity("macs").header == "MACs (multiply-adds)"


def test_every_metric_has_a_header():
    columns = {column for metric in METRICS.values() for column in metric.columns}
    assert columns <= set(QUANTITIES)
