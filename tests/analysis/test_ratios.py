"""Medians and ratios of rounds against ranks worked out by hand, and against what noise really does."""

import math
from typing import get_args

import numpy as np
import pytest

from ablate.analysis.ratios import BAND, MedianInterval, cost_verdict, geometric_mean, median_interval, ratio
from ablate.analysis.verdicts import Verdict


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        # 2 x 1 / 2^6 = 0.031 lies outside the extremes.
        (6, 1, 6),
        # 2 x (1 + 9) / 2^9 = 0.039; one rank further in, 2 x (1 + 9 + 36) / 2^9 = 0.18.
        (9, 2, 8),
        # 2 x (1 + 20 + 190 + 1140 + 4845 + 15504) / 2^20 = 0.0414; with 38760 more, 0.115.
        (20, 6, 15),
    ],
)
def test_the_interval_lies_between_order_statistics_of_the_binomial(n: int, low: int, high: int) -> None:
    values = np.random.default_rng(n).permutation(np.arange(1, n + 1)) * 10.0
    assert median_interval(values) == MedianInterval(n, 10 * (n + 1) / 2, 10.0 * low, 10.0 * high)


def test_five_values_have_a_median_and_no_interval() -> None:
    """2 / 2^5 = 0.0625: not even the extremes would hold 95 %."""
    found = median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (found.n, found.median) == (5, 3.0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(median_interval([]).median)


def test_values_that_are_not_finite_are_left_out() -> None:
    assert median_interval([1.0, math.nan, 3.0, math.inf]).n == 2


class TestRatio:
    def test_rounds_are_compared_with_themselves(self) -> None:
        """A machine that gets ten times slower midway moves both alike, and the ratio not at all."""
        drift = np.array([1.0, 1.1, 9.0, 10.0, 1.3, 8.0, 7.0])
        noise = np.array([0.98, 1.0, 1.03, 0.99, 1.01, 1.02, 1.0])
        found = ratio(list(2 * drift * noise), list(drift))
        assert found.n == 7
        assert found.median == pytest.approx(2.0)
        assert (found.low, found.high) == pytest.approx((2 * 0.98, 2 * 1.03))

    def test_a_round_that_lacks_a_side_is_dropped(self) -> None:
        found = ratio([2.0, None, 4.0, 3.0, 0.0, math.nan], [1.0, 1.0, None, 1.0, 1.0, 1.0])
        assert (found.n, found.median) == (2, pytest.approx(math.sqrt(6)))
        assert ratio([None], [1.0]).n == ratio([], []).n == 0
        assert math.isnan(ratio([None], [1.0]).median)

    def test_the_interval_holds_what_either_of_two_processes_found(self) -> None:
        """Rounds in turn from a process in which the variant takes 1.1 times as long, and one in which it takes 1.3."""
        noise = np.repeat([0.98, 0.99, 1.0, 1.01, 1.02, 1.0], 2)
        moved = np.tile([1.1, 1.3], 6)
        found = ratio(list(moved * noise), [1.0] * 12, processes=2)
        assert (found.n, found.median) == (12, pytest.approx(math.sqrt(1.1 * 1.02 * 1.3 * 0.98)))
        assert (found.low, found.high) == pytest.approx((1.1 * 0.98, 1.3 * 1.02))
        alone = ratio(list(moved * noise), [1.0] * 12)
        assert found.low <= alone.low < alone.high <= found.high
        assert math.isnan(ratio([1.0] * 11, [1.0] * 11, processes=2).high)

    def test_rounds_of_different_number_are_no_pairs(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            ratio([1.0, 2.0], [1.0])

    @pytest.mark.parametrize("n", [6, 7, 12, 25])
    def test_exchanging_the_two_inverts_every_number(self, n: int) -> None:
        draw = np.random.default_rng(n)
        variant, baseline = list(draw.gamma(3, size=n)), list(draw.gamma(2, size=n))
        there, back = ratio(variant, baseline), ratio(baseline, variant)
        assert back.median == pytest.approx(1 / there.median, rel=1e-12)
        assert (back.low, back.high) == pytest.approx((1 / there.high, 1 / there.low), rel=1e-12)

    @pytest.mark.parametrize("n", [6, 9, 12, 20])
    def test_the_interval_holds_the_true_ratio_in_93_of_100_studies_at_least(self, n: int) -> None:
        """Log-normal noise with Pareto spikes, and a drift that both sides share; 2,000 studies."""
        draw = np.random.default_rng(n)
        shape = (2_000, n)
        drift = draw.lognormal(0, 0.5, shape)
        sides = [draw.lognormal(0, 0.1, shape) * (1 + 0.1 * draw.pareto(1.2, shape)) for _ in range(2)]
        ratios = np.sort(1.07 * drift * sides[0] / (drift * sides[1]), axis=1)
        ranks = median_interval(np.arange(n))
        low, high = ratios[:, int(ranks.low)], ratios[:, int(ranks.high)]
        assert ((low <= 1.07) & (high >= 1.07)).mean() >= 0.93
        first = ratio(list(1.07 * sides[0][0]), list(sides[1][0]))
        assert (first.low, first.high) == pytest.approx((low[0], high[0]))


def test_the_geometric_mean_is_taken_within_rounds() -> None:
    # Two variants, six rounds: the square roots of 2 * 8, 1 * 9, ... are 4, 3, 2, 6, 5, 1.
    found = geometric_mean([[2.0, 1.0, 4.0, 6.0, 5.0, 1.0], [8.0, 9.0, 1.0, 6.0, 5.0, 1.0]])
    assert (found.n, found.median, found.low, found.high) == (6, 3.5, 1.0, 6.0)
    with pytest.raises(ValueError, match="inhomogeneous"):
        geometric_mean([[1.0, 2.0], [1.0]])


class TestVerdict:
    @pytest.mark.parametrize(
        ("low", "high", "of_a_time"),
        [
            (1.031, 1.2, "worse"),
            (0.8, 0.97, "better"),
            (0.99, 1.02, "equivalent"),
            (1 / BAND, BAND, "equivalent"),
            (1.03, 1.2, "inconclusive"),
            (0.8, 0.971, "inconclusive"),
            (0.9, 1.1, "inconclusive"),
            (1.0, 1.031, "inconclusive"),
        ],
    )
    def test_it_takes_the_whole_interval(self, low: float, high: float, of_a_time: str) -> None:
        of_a_rate = {**{word: word for word in get_args(Verdict)}, "better": "worse", "worse": "better"}[of_a_time]
        assert cost_verdict(MedianInterval(9, 1.0, low, high), "lower") == of_a_time
        assert cost_verdict(MedianInterval(9, 1.0, low, high), "higher") == of_a_rate
        assert cost_verdict(MedianInterval(9, 1.0, 1 / high, 1 / low), "higher") == of_a_time

    def test_without_an_interval_there_is_none(self) -> None:
        assert cost_verdict(ratio([2.0] * 5, [1.0] * 5), "lower") is None
        assert cost_verdict(ratio([2.0] * 6, [1.0] * 6), "lower") == "worse"
