"""What is measured round by round: medians, ratios within rounds, and the verdict on a ratio.

Times have heavy tails and drift together, so nothing is averaged and no distribution is assumed: variants are compared
within a round, where both met the same load, and intervals come from order statistics.

Processes that take turns lay out their memory differently, which moves a ratio for as long as they live. Rounds of one
process are therefore no witnesses for another: an interval over several processes reaches from the lowest end of
theirs to the highest, and holds what any of them says.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ablate.analysis.verdicts import Direction, Verdict

CONFIDENCE = 0.95
# Under 3 % two costs are alike. The band is 1/1.03 to 1.03, so that variant and baseline can change places.
BAND = 1.03


@dataclass(frozen=True)
class MedianInterval:
    """A median of `n` values with its 95 % interval; the ends are NaN under 6 values, all of it without any."""

    n: int
    median: float
    low: float
    high: float


def median_interval(values: ArrayLike) -> MedianInterval:
    """The median of `values`, shape (n,), with the interval between two of them that holds at least 95 %.

    Distribution-free, by order statistics (Conover 1999, Practical Nonparametric Statistics, section 3.2): of 9 values
    the 2nd and the 8th, of 20 the 6th and the 15th. Values that are not finite are left out. It takes the values as
    independent.
    """
    finite = _finite(values)
    if len(finite) == 0:
        return MedianInterval(0, math.nan, math.nan, math.nan)
    low, high = stats.quantile_test(finite, p=0.5).confidence_interval(CONFIDENCE)
    return MedianInterval(len(finite), float(np.median(finite)), float(low), float(high))


def over_processes(values: ArrayLike, processes: int) -> MedianInterval:
    """The median of `values`, of which every one in turn comes from the next of so many processes, with the interval
    that holds the intervals of all of them; its ends are NaN where one has fewer than 6."""
    turns = np.asarray(values, dtype=np.float64)
    whole, each = median_interval(turns), [median_interval(turns[start::processes]) for start in range(processes)]
    low, high = _end(min, [own.low for own in each]), _end(max, [own.high for own in each])
    return MedianInterval(whole.n, whole.median, low, high)


def ratio(
    variant_rounds: Sequence[float | None], baseline_rounds: Sequence[float | None], processes: int = 1
) -> MedianInterval:
    """Variant over baseline: the median of the ratios round by round, with its interval (see `over_processes`).

    Both have one value a round, None where a round gave none; such a round is left out, and so is one with a value that
    is not positive. Of an even number of ratios the middle is the geometric mean of the two middle ones, so that
    exchanging variant and baseline inverts all three numbers. Raises `ValueError` for unequal numbers of rounds.
    """
    rounds = np.array(list(zip(variant_rounds, baseline_rounds, strict=True)), dtype=np.float64).reshape(-1, 2)
    measured = (np.isfinite(rounds) & (rounds > 0)).all(axis=1)
    ratios = np.full(len(rounds), np.nan)
    ratios[measured] = rounds[measured, 0] / rounds[measured, 1]
    interval = over_processes(ratios, processes)
    middle = float(np.exp(np.median(np.log(ratios[measured])))) if interval.n else math.nan
    return MedianInterval(interval.n, middle, interval.low, interval.high)


def geometric_mean(ratios: Sequence[Sequence[float]]) -> MedianInterval:
    """Of the ratios of several variants, each shape (rounds,), the geometric mean in every round: median, interval.

    Raises `ValueError` for unequal numbers of rounds.
    """
    return median_interval(stats.gmean(np.array(ratios, dtype=np.float64), axis=0))


def cost_verdict(found: MedianInterval, direction: Direction) -> Verdict | None:
    """What the interval of a ratio says; None without an interval.

    `better` or `worse` where the whole interval lies outside 1/1.03 to 1.03, `equivalent` where the whole of it lies
    inside or touches the edge, else `inconclusive`.
    """
    if math.isnan(found.low):
        return None
    if found.low > BAND:
        return "better" if direction == "higher" else "worse"
    if found.high < 1 / BAND:
        return "better" if direction == "lower" else "worse"
    return "equivalent" if found.low >= 1 / BAND and found.high <= BAND else "inconclusive"


def _end(pick: Callable[[Sequence[float]], float], ends: Sequence[float]) -> float:
    return math.nan if any(math.isnan(end) for end in ends) else pick(ends)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]
