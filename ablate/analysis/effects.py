"""Statistics of one array of paired differences: pure functions, numbers in, numbers out.

The interval and its p-value assume that differences are drawn from a normal distribution; the sign-flip p-value assumes
only that a difference is as likely to be negative as positive when the two variants are alike (Fisher 1935, The Design
of Experiments, section 21).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ablate import randomness

Differences = NDArray[np.float64]

CONFIDENCE = 0.95
# Differences of doubles carry rounding of about 1e-16 of the numbers they come from: what lies closer is equal.
ROUNDING = 1e-12
# Two halves of 2^20 signed sums each; beyond this the enumeration is sampled.
EXACT_UP_TO_PAIRS = 40
SAMPLED_FLIPS = 100_000


@dataclass(frozen=True)
class PairedEffect:
    """What `n` paired differences say; every field but `n` is in the metric's unit unless it is a p-value.

    NaN where `n` is too small to say it: everything at 0 pairs, all but `difference` and `p_sign_flip` at 1.
    Differences that are all equal have no spread to test against: `p_value` is 1 and the interval is the point.
    """

    n: int
    difference: float
    standard_error: float
    ci_low: float
    ci_high: float
    p_value: float
    p_sign_flip: float
    effect_size: float
    """Cohen's d_z, mean over standard deviation (Cohen 1988, section 2.3). Without spread: 0, or an infinity with the
    difference's sign where the difference is not zero."""


def paired_effect(differences: Differences, magnitude: float) -> PairedEffect:
    """Mean, 95 % paired-t interval, p-values and effect size of `differences`, shape (n,), all finite.

    `magnitude` is the largest absolute value that the differences were taken of; it sets what counts as rounding.
    """
    n = len(differences)
    if n == 0:
        return PairedEffect(0, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    mean, p_sign_flip = float(np.mean(differences)), sign_flip_p(differences, magnitude)
    if n == 1:
        return PairedEffect(1, mean, math.nan, math.nan, math.nan, math.nan, p_sign_flip, math.nan)
    if np.ptp(differences) <= ROUNDING * magnitude:
        point = 0.0 if abs(mean) <= ROUNDING * magnitude else mean
        return PairedEffect(n, point, 0.0, point, point, 1.0, p_sign_flip, _without_spread(point))
    deviation = float(np.std(differences, ddof=1))
    error = deviation / math.sqrt(n)
    half_width = half_interval(deviation, n)
    p_value = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    return PairedEffect(n, mean, error, mean - half_width, mean + half_width, p_value, p_sign_flip, mean / deviation)


def half_interval(deviation: float, n: int) -> float:
    """Half the width of the 95 % t interval of a mean of `n` >= 2 values with sample standard deviation `deviation`."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation / math.sqrt(n)


def equivalence_p(effect: PairedEffect, margin: float) -> float:
    """The larger p-value of two one-sided t tests against -`margin` and +`margin` (Schuirmann 1987); NaN under 2 pairs.

    Without spread the difference itself decides: 0 inside the margin, else 1.
    """
    if effect.n < 2:
        return math.nan
    if effect.standard_error == 0:
        return 0.0 if abs(effect.difference) < margin else 1.0
    # The test against the nearer bound has the larger p-value.
    distance = (margin - abs(effect.difference)) / effect.standard_error
    return float(stats.t.sf(distance, effect.n - 1))


def sign_flip_p(differences: Differences, magnitude: float) -> float:
    """Two-sided p of the mean among all 2^n ways to flip signs: exact up to 40 differences, then 100,000 draws.

    The 2^n sums are never formed: each is a sum over the first half plus a sum over the second, and sorting one side
    counts them in about 2^(n/2) steps. (scipy's permutation_test forms them; 16 pairs take it a quarter of a second,
    and every further pair doubles that.) NaN for no differences.
    """
    n = len(differences)
    if n == 0:
        return math.nan
    reach = abs(float(np.sum(differences))) - ROUNDING * n * magnitude
    if reach <= 0:
        return 1.0
    if n > EXACT_UP_TO_PAIRS:
        return _sampled_sign_flip_p(differences, reach)
    first, second = _signed_sums(differences[: n // 2]), np.sort(_signed_sums(differences[n // 2 :]))
    above = len(second) - np.searchsorted(second, reach - first, side="left")
    below = np.searchsorted(second, -reach - first, side="right")
    return float(np.sum(above + below) / 2.0**n)


def _signed_sums(differences: Differences) -> Differences:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return sums


def _sampled_sign_flip_p(differences: Differences, reach: float) -> float:
    n = len(differences)
    words_per_draw = -(-n // 64)
    words = randomness.words(SAMPLED_FLIPS * words_per_draw, "sign_flip", n)
    bits = np.unpackbits(words.view(np.uint8)).reshape(SAMPLED_FLIPS, -1)[:, :n]
    sums = differences.sum() - 2 * (bits @ differences)
    # The observed signs are one of the draws (Phipson & Smyth 2010), so that p is never 0.
    return float((1 + np.count_nonzero(np.abs(sums) >= reach)) / (1 + SAMPLED_FLIPS))


def _without_spread(difference: float) -> float:
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)
