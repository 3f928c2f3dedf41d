import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ablate.analysis.effects import EXACT_UP_TO_PAIRS, equivalence_p, paired_effect, sign_flip_p


def differences(n: int, seed: int = 0, shift: float = 0.4) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, n)


def enumerated_sign_flip_p(values: np.ndarray) -> float:
    observed = abs(values.mean())
    means = [abs(np.mean(np.multiply(signs, values))) for signs in itertools.product((1, -1), repeat=len(values))]
    return float(np.mean([mean >= observed - 1e-12 for mean in means]))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 20])
def test_interval_and_p_are_those_of_scipys_paired_t(n):
    left = np.random.default_rng(1).normal(0.8, 0.02, n)
    right = np.random.default_rng(2).normal(0.79, 0.02, n)
    expected = stats.ttest_rel(left, right)
    interval = expected.confidence_interval(0.95)
    effect = paired_effect(left - right, 1.0)
    assert effect.n == n
    assert effect.difference == pytest.approx(np.mean(left) - np.mean(right), abs=1e-12)
    assert effect.p_value == pytest.approx(expected.pvalue, abs=1e-10)
    assert effect.ci_low == pytest.approx(interval.low, abs=1e-10)
    assert effect.ci_high == pytest.approx(interval.high, abs=1e-10)


def test_interval_by_hand():
    # Mean 2, standard deviation 1, standard error 1/sqrt(3), t(0.975, 2) = 4.302652729911275.
    effect = paired_effect(np.array([1.0, 2.0, 3.0]), 3.0)
    assert effect.difference == pytest.approx(2.0)
    assert effect.ci_high == pytest.approx(2 + 4.302652729911275 / math.sqrt(3), abs=1e-10)
    assert effect.effect_size == pytest.approx(2.0)
    assert effect.p_sign_flip == 2 / 8


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10, 13])
@pytest.mark.parametrize("shift", [0.0, 0.4, -2.0])
def test_sign_flip_p_is_the_enumeration(n, shift):
    values = differences(n, seed=n, shift=shift)
    assert sign_flip_p(values, 1.0) == pytest.approx(enumerated_sign_flip_p(values), abs=1e-12)


@pytest.mark.parametrize("n", [4, 9, 12])
def test_sign_flip_p_is_scipys_exact_permutation_test(n):
    values = differences(n, seed=n)
    expected = stats.permutation_test(
        (values,),
        lambda sample, axis: sample.mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip_p(values, 1.0) == pytest.approx(expected.pvalue, abs=1e-10)


def test_sign_flip_p_counts_ties_in_spite_of_rounding():
    # 0.1 + 0.2 and 0.3 differ in the last bit: both ways to reach the observed sum of 0.6 - 0.0 count.
    values = np.array([0.1, 0.2, 0.3, 0.0])
    assert sign_flip_p(values, 1.0) == pytest.approx(enumerated_sign_flip_p(values), abs=1e-12)
    tied = np.array([0.1 + 0.2, -0.3, 0.25, 0.25])
    assert sign_flip_p(tied, 1.0) == pytest.approx(enumerated_sign_flip_p(tied), abs=1e-12)


@pytest.mark.parametrize("n", [3, 6, 20, 30])
def test_smallest_sign_flip_p_is_two_in_two_to_the_n(n):
    assert sign_flip_p(np.linspace(1.0, 2.0, n), 2.0) == 2 / 2**n


def test_sign_flip_p_at_twenty_is_exact():
    # All differences 1 but k of -1: |sum| is reached by k or fewer flips on either side, a binomial tail.
    values = np.ones(20)
    values[:4] = -1
    tail = sum(math.comb(20, k) for k in range(5))
    assert sign_flip_p(values, 1.0) == pytest.approx(2 * tail / 2**20, abs=1e-15)


def test_sign_flip_p_beyond_the_enumeration_is_sampled_and_repeatable():
    n = EXACT_UP_TO_PAIRS + 10
    values = np.ones(n)
    values[:18] = -1
    exact = 2 * sum(math.comb(n, k) for k in range(19)) / 2**n
    sampled = sign_flip_p(values, 1.0)
    assert sampled == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 100_000))
    assert sampled == sign_flip_p(values, 1.0)


@pytest.mark.parametrize("difference", [0.0, 0.01, -0.25])
def test_equal_differences_give_p_one_and_a_point(difference):
    effect = paired_effect(np.full(5, difference), 1.0)
    assert effect.p_value == 1.0
    assert effect.ci_low == effect.difference == effect.ci_high
    assert effect.difference == pytest.approx(difference, abs=1e-15)


def test_differences_equal_to_rounding_are_equal():
    left = np.array([0.1 + 0.2, 0.3, 0.7])
    right = np.array([0.3, 0.1 + 0.2, 0.7])
    effect = paired_effect(left - right, 0.7)
    assert np.ptp(left - right) > 0
    assert (effect.difference, effect.p_value, effect.effect_size) == (0.0, 1.0, 0.0)
    assert effect.p_sign_flip == 1.0


def test_effect_size_without_spread_is_a_signed_infinity():
    assert paired_effect(np.full(4, 0.5), 1.0).effect_size == math.inf
    assert paired_effect(np.full(4, -0.5), 1.0).effect_size == -math.inf


def test_tiny_real_spread_is_not_rounding():
    effect = paired_effect(np.array([1e-9, 2e-9, 3e-9]), 1.0)
    assert effect.effect_size == pytest.approx(2.0, rel=1e-6)


def test_too_few_pairs_give_what_they_can():
    nothing = paired_effect(np.empty(0), 0.0)
    assert nothing.n == 0
    assert math.isnan(nothing.difference)
    assert math.isnan(nothing.p_sign_flip)
    single = paired_effect(np.array([0.2]), 1.0)
    assert (single.n, single.difference, single.p_sign_flip) == (1, 0.2, 1.0)
    assert math.isnan(single.p_value)
    assert math.isnan(single.ci_low)


def test_equivalence_p_is_the_larger_of_two_one_sided_tests():
    values = differences(9, seed=3, shift=0.1)
    effect = paired_effect(values, 1.0)
    above = stats.ttest_1samp(values, -0.8, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.8, alternative="less").pvalue
    assert equivalence_p(effect, 0.8) == pytest.approx(max(above, below), abs=1e-12)


def test_equivalence_p_outside_the_margin_is_above_one_half():
    effect = paired_effect(np.array([1.0, 1.1, 0.9, 1.05]), 1.1)
    assert equivalence_p(effect, 0.5) > 0.5


def test_equivalence_p_by_hand():
    # Mean 0, standard error 1/sqrt(3): t = margin * sqrt(3), 2 degrees of freedom, P(T > t) = 1/2 - t/(2 sqrt(2+t^2)).
    effect = paired_effect(np.array([-1.0, 0.0, 1.0]), 1.0)
    t = 5 * math.sqrt(3)
    assert equivalence_p(effect, 5.0) == pytest.approx(0.5 - t / (2 * math.sqrt(2 + t * t)), abs=1e-12)


@pytest.mark.parametrize(("difference", "expected"), [(0.0, 0.0), (0.004, 0.0), (0.006, 1.0), (-0.006, 1.0)])
def test_equivalence_p_without_spread_follows_the_difference(difference, expected):
    assert equivalence_p(paired_effect(np.full(4, difference), 1.0), 0.005) == expected
