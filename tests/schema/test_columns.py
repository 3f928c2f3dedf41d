"""Columns of the tables that no factor can have."""

import pytest

from ablate.measure import METRICS
from ablate.schema.columns import is_cost, is_reserved

MEASURED = [
    column
    for metric in METRICS.values()
    for column in metric.columns
    if metric.sampler and column not in ("params", "macs")
]


@pytest.mark.parametrize("column", MEASURED)
def test_what_the_cost_phase_measures_is_a_cost_in_every_mode_and_batch_size(column: str) -> None:
    # What is counted has neither.
    for suffix in ("",) if column == "macs_fvcore" else ("", "_b64", "_compiled", "_b1024_cuda_graph"):
        assert is_cost(f"{column}{suffix}")
        assert is_reserved(f"{column}{suffix}")


@pytest.mark.parametrize(
    "column", ["variant", "accuracy", "params", "downsample", "", "xlatency_ms", "latency_ms" * 11]
)
def test_nothing_else_is_a_cost(column: str) -> None:
    assert not is_cost(column)
