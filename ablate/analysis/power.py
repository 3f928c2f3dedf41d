"""How many seeds a difference takes, and how small a difference some seeds can show.

The power of the two-sided paired t test, by the noncentral t distribution (Cohen 1988, Statistical Power Analysis,
section 2.3), at LEVEL / `family`: the level of Holm's first step, so that of several real differences the later ones
have a little more power than is said here. `difference` and `spread` are in the metric's unit; `spread` is the standard
deviation of differences paired by seed.
"""

import bisect
import math

from scipy import optimize, stats

from ablate.analysis.verdicts import FEWEST_PAIRS, LEVEL

ASSUMED_SEED_SPREAD = 0.01
"""Standard deviation of accuracy, a fraction, from seed to seed, where nothing has been measured yet."""

MOST_SEEDS = 1_000


def power_of(difference: float, n: int, spread: float, family: int) -> float:
    """The chance that `n` pairs find `difference` at LEVEL / `family`; 0 under 3 pairs, which get no verdict.

    NaN unless `spread` is above 0.
    """
    if not spread > 0:
        return math.nan
    if n < FEWEST_PAIRS:
        return 0.0
    return _power(abs(difference) / spread * math.sqrt(n), n, family)


def smallest_difference(n: int, spread: float, family: int, power: float = 0.8) -> float:
    """The difference that `n` pairs find with probability `power`; infinite under 3 pairs, NaN unless `spread` > 0."""
    if not spread > 0:
        return math.nan
    if n < FEWEST_PAIRS:
        return math.inf
    above = _critical(n, family)
    while _power(above, n, family) < power:
        above *= 2
    noncentrality = optimize.brentq(lambda each: _power(each, n, family) - power, 0.0, above, xtol=1e-12, rtol=1e-12)
    return float(noncentrality) * spread / math.sqrt(n)


def seeds_needed(difference: float, spread: float, family: int, power: float = 0.8) -> int | None:
    """The fewest pairs, 3 at least, that find `difference` with probability `power`; None above 1,000.

    None, too, unless `spread` is above 0.
    """
    if not spread > 0:
        return None
    counts = range(FEWEST_PAIRS, MOST_SEEDS + 1)
    at = bisect.bisect_left(counts, power, key=lambda n: power_of(difference, n, spread, family))
    return counts[at] if at < len(counts) else None


def unpaired_spread(seed_spread: float) -> float:
    """Standard deviation of differences between two variants that share nothing but their `seed_spread`.

    Pairing makes it smaller; by how much is not known before the study has run.
    """
    return math.sqrt(2) * seed_spread


def _critical(n: int, family: int) -> float:
    return float(stats.t.isf(LEVEL / family / 2, n - 1))


def _power(noncentrality: float, n: int, family: int) -> float:
    critical = _critical(n, family)
    # The far tail as an upper one: scipy's lower tail, and with it statsmodels' TTestPower, is NaN for some arguments.
    tails = stats.nct.sf(critical, n - 1, [noncentrality, -noncentrality])
    return float(tails.sum())
