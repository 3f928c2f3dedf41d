"""Statistics of one array of paired differences: pure functions, numbers in, numbers out.

The interval and its p-value assume that differences are drawn from a normal distribution; the sign-flip p-value assumes
only that a difference is as likely to be negative as positive when the two variants are alike (Fisher 1935, The Design
of Experiments, section 21).
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablate import randomness

Differences = NDArray[np.float64]

CONFIDENCE = 0.95
# Differences of doubles carry rounding of about 1e-16 of the numbers they come from: what lies closer is equal.
ROUNDING = 1e-12
# Two halves of 2^15 signed sums each; beyond this the enumeration is sampled.
EXACT_UP_TO_PAIRS = 30
SAMPLED_FLIPS = 100_000
# The sign of each of eight differences, for every byte.
SIGNS_OF_BYTE = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)


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
    p_value = float(2 * special.stdtr(n - 1, -abs(mean) / error))
    return PairedEffect(n, mean, error, mean - half_width, mean + half_width, p_value, p_sign_flip, mean / deviation)


def half_interval(deviation: float, n: int, confidence: float = CONFIDENCE) -> float:
    """Half the width of the t interval of a mean of `n` >= 2 values with sample standard deviation `deviation`."""
    return t_quantile(n, confidence) * deviation / math.sqrt(n)


@functools.cache
def t_quantile(n: int, confidence: float = CONFIDENCE) -> float:
    """What a t of `n` >= 2 values, n - 1 degrees of freedom, exceeds either way with probability 1 - `confidence`."""
    return float(special.stdtrit(n - 1, (1 + confidence) / 2))


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
    return float(special.stdtr(effect.n - 1, -distance))


def sign_flip_p(differences: Differences, magnitude: float) -> float:
    """Two-sided p of the mean among all 2^n ways to flip signs: exact up to 30 differences, then 100,000 draws.

    The 2^n sums are never formed: each is a sum over the first half plus a sum over the second, and sorting both sides
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
    first, second = _signed_sums(differences[: n // 2]), _signed_sums(differences[n // 2 :])
    above = len(first) * len(second) - int(np.searchsorted(second, reach - first, side="left").sum())
    # Flipping every sign negates the sum, so as many lie below -reach.
    return 2 * above / 2.0**n


def _signed_sums(differences: Differences) -> Differences:
    """All 2^n sums of `differences` with signs, rising."""
    sums = np.zeros(1)
    for difference in differences:
        # Two rising runs, which the stable sort merges.
        sums = np.sort(np.concatenate([sums - difference, sums + difference]), kind="stable")
    return sums


def _sampled_sign_flip_p(differences: Differences, reach: float) -> float:
    groups = np.append(differences, np.zeros(-len(differences) % 8)).reshape(-1, 8)
    sums = np.zeros(SAMPLED_FLIPS)
    # Words are longer than bytes: the last ones may be left over.
    for group, drawn in zip(groups, _drawn_signs(len(differences)), strict=False):
        sums += (SIGNS_OF_BYTE @ group)[drawn]
    # The observed signs are one of the draws (Phipson & Smyth 2010), so that p is never 0.
    return float((1 + np.count_nonzero(np.abs(sums) >= reach)) / (1 + SAMPLED_FLIPS))


@functools.lru_cache(maxsize=2)
def _drawn_signs(n: int) -> NDArray[np.uint8]:
    """Signs of `n` differences, one bit each: shape (bytes, SAMPLED_FLIPS)."""
    words = randomness.words(SAMPLED_FLIPS * -(-n // 64), "sign_flip", n)
    return np.ascontiguousarray(words.view(np.uint8).reshape(SAMPLED_FLIPS, -1).T)


def _without_spread(difference: float) -> float:
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)
