"""The accuracies of two ways to train, side by side."""

import pytest
from benchmarks.agreement import compared


def test_differences_are_paired_by_seed() -> None:
    harness = {("a", 0): 0.5, ("a", 2): 0.7, ("a", 1): 0.6, ("b", 0): 0.9}
    script = {("a", 0): 0.4, ("a", 1): 0.4, ("a", 2): 0.4, ("b", 0): 0.1}
    found = compared("a", harness, script)
    assert (found["seeds"], found["harness"], found["script"]) == ([0, 1, 2], [0.5, 0.6, 0.7], [0.4, 0.4, 0.4])
    # 0.1, 0.2 and 0.3: mean 0.2, deviation 0.1; the 97.5 % point of t with 2 degrees of freedom is 4.3027.
    half = 4.3027 * 0.1 / 3**0.5
    assert (found["difference"], found["low"], found["high"]) == pytest.approx((0.2, 0.2 - half, 0.2 + half), abs=1e-5)
