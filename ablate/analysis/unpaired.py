"""Two groups of trials that share no seed (Welch 1947, Biometrika 34, 28-35)."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ablate.analysis.effects import CONFIDENCE, ROUNDING, PairedEffect


def welch(a: ArrayLike, b: ArrayLike) -> PairedEffect:
    """Mean of `b` minus mean of `a`, shapes (n,) and (m,), with the 95 % interval and p of Welch's t test.

    Values that are not finite are left out. `n` is the smaller number of the two: a test that takes n - 1 degrees of
    freedom is then on the safe side, since Welch's are never fewer. There are no signs to flip and no d_z, so that both
    are NaN. Without spread the interval is the point and p is 1; under 2 values a side there is no interval.
    """
    before, after = _finite(a), _finite(b)
    n = min(len(before), len(after))
    difference = float(after.mean() - before.mean()) if n else math.nan
    if n < 2:
        return PairedEffect(n, difference, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    magnitude = float(np.abs(np.concatenate([before, after])).max())
    if max(np.ptp(before), np.ptp(after)) <= ROUNDING * magnitude:
        return PairedEffect(n, difference, 0.0, difference, difference, 1.0, math.nan, math.nan)
    tested = stats.ttest_ind(after, before, equal_var=False)
    low, high = map(float, tested.confidence_interval(CONFIDENCE))
    error = math.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after))
    return PairedEffect(n, difference, error, low, high, float(tested.pvalue), math.nan, math.nan)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]
