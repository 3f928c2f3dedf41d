"""How often a variant is the better one."""

from ablate.analysis.effects import ROUNDING, Differences
from ablate.analysis.verdicts import Direction


def probability_of_improvement(differences: Differences, magnitude: float, direction: Direction) -> float:
    """The share of pairs in which the variant is the better one, ties half; NaN without pairs.

    `differences` is variant minus baseline, shape (n,), all finite; `magnitude` is as for `paired_effect`: what differs
    by rounding is tied. Pairs are within a seed, not every run against every run as in Agarwal et al. 2021 (rliable):
    the seed's share of the luck is out of it.
    """
    if len(differences) == 0:
        return float("nan")
    gains = differences if direction == "higher" else -differences
    edge = ROUNDING * magnitude
    return float(((gains > edge).sum() + 0.5 * (abs(gains) <= edge).sum()) / len(gains))
