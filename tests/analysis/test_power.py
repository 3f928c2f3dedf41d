"""Against statsmodels, against an integral over the standard deviation, and against drawn studies."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from statsmodels.stats.power import TTestPower

from ablate.analysis.power import ASSUMED_SEED_SPREAD, power_of, seeds_needed, smallest_difference, unpaired_spread


@pytest.mark.parametrize("n", [3, 5, 10, 40])
@pytest.mark.parametrize("family", [1, 4, 20])
@pytest.mark.parametrize("difference", [0.0, 0.002, -0.005, 0.01])
def test_power_is_statsmodels(n: int, family: int, difference: float) -> None:
    expected = TTestPower().power(abs(difference) / 0.01, n, 0.05 / family, alternative="two-sided")
    assert power_of(difference, n, 0.01, family) == pytest.approx(expected, abs=1e-10)


def by_integral(noncentrality: float, df: int, level: float) -> float:
    """P(|Z + noncentrality| > critical * s) over the distribution of s, s^2 * df being chi squared."""
    critical = stats.t.isf(level / 2, df)

    def given(square: float) -> float:
        edge = critical * math.sqrt(square / df)
        tails = stats.norm.sf(edge - noncentrality) + stats.norm.cdf(-edge - noncentrality)
        return float(tails * stats.chi2.pdf(square, df))

    return float(integrate.quad(given, 0, stats.chi2.isf(1e-17, df), points=[df], epsabs=1e-13, limit=200)[0])


@pytest.mark.parametrize(
    ("noncentrality", "df", "level"), [(8.5147278567, 2, 0.05), (40.0, 2, 0.00025), (1.3, 9, 0.01)]
)
def test_power_is_an_integral_where_statsmodels_has_no_number(noncentrality: float, df: int, level: float) -> None:
    n = df + 1
    found = power_of(noncentrality / math.sqrt(n), n, 1.0, round(0.05 / level))
    assert found == pytest.approx(by_integral(noncentrality, df, level), abs=1e-10)


def test_without_a_difference_power_is_the_level() -> None:
    assert power_of(0.0, 10, 0.01, 1) == pytest.approx(0.05, abs=1e-12)
    assert power_of(0.0, 10, 0.01, 5) == pytest.approx(0.01, abs=1e-12)


@pytest.mark.parametrize(("n", "family", "difference"), [(5, 1, 0.015), (10, 4, 0.01), (20, 2, 0.006)])
def test_power_is_the_share_of_drawn_studies(n: int, family: int, difference: float) -> None:
    drawn = np.random.default_rng(n).normal(difference, 0.01, (20_000, n))
    rate = (stats.ttest_1samp(drawn, 0, axis=1).pvalue <= 0.05 / family).mean()
    assert power_of(difference, n, 0.01, family) == pytest.approx(rate, abs=4 * math.sqrt(0.25 / 20_000))


@pytest.mark.parametrize("n", [3, 5, 20, 1_000])
@pytest.mark.parametrize("family", [1, 7, 200])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.99])
def test_the_smallest_difference_has_just_that_power(n: int, family: int, power: float) -> None:
    assert power_of(smallest_difference(n, 0.01, family, power), n, 0.01, family) == pytest.approx(power, abs=1e-10)


@pytest.mark.parametrize(("n", "family"), [(5, 1), (10, 6), (30, 2)])
def test_the_smallest_difference_is_statsmodels(n: int, family: int) -> None:
    """To the digits at which its solver stops."""
    expected = 0.01 * TTestPower().solve_power(nobs=n, alpha=0.05 / family, power=0.8)
    assert smallest_difference(n, 0.01, family) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("difference", "family"), [(0.01, 1), (0.005, 4), (-0.003, 10), (0.1, 3)])
def test_the_seeds_needed_are_the_fewest(difference: float, family: int) -> None:
    n = seeds_needed(difference, 0.01, family)
    assert n is not None
    assert power_of(difference, n, 0.01, family) >= 0.8
    assert n == 3 or power_of(difference, n - 1, 0.01, family) < 0.8


def test_seeds_by_a_published_table() -> None:
    """Cohen 1988, two-sided 5 %, power 0.8, one sample: an effect of 0.5 takes 34, one of 0.8 takes 15."""
    assert (seeds_needed(0.5, 1.0, 1), seeds_needed(0.8, 1.0, 1)) == (34, 15)


def test_above_a_thousand_seeds_there_is_no_number() -> None:
    exact = 0.01 * TTestPower().solve_power(nobs=1_000, alpha=0.05, power=0.8)
    assert seeds_needed(1.0001 * exact, 0.01, 1) == 1_000
    assert seeds_needed(0.9999 * exact, 0.01, 1) is None
    assert seeds_needed(0.0, 0.01, 1) is None


def test_under_three_pairs_no_verdict_can_come() -> None:
    assert power_of(1.0, 2, 0.01, 1) == 0
    assert smallest_difference(2, 0.01, 1) == math.inf
    assert seeds_needed(1.0, 0.01, 1) == 3


@pytest.mark.parametrize("spread", [0.0, math.nan])
def test_without_a_spread_nothing_can_be_said(spread: float) -> None:
    assert math.isnan(power_of(0.01, 5, spread, 1))
    assert math.isnan(smallest_difference(5, spread, 1))
    assert seeds_needed(0.01, spread, 1) is None


def test_unpaired_variants_add_their_variances() -> None:
    draw = np.random.default_rng(0).normal(0, ASSUMED_SEED_SPREAD, (2, 100_000))
    assert unpaired_spread(ASSUMED_SEED_SPREAD) == pytest.approx(np.std(draw[0] - draw[1]), rel=0.01)
