"""Which variants are worth their cost: those that no other matches in accuracy for less, or beats for the same."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.dominance import mean_of_known
from ablate.analysis.effects import CONFIDENCE, ROUNDING, t_quantile
from ablate.analysis.verdicts import FEWEST_PAIRS

ParetoState = Literal["front", "dominated", "clearly dominated", "not measured"]

FRONT_COLUMNS = ("cost", "variant", "state", "dominated_by")

Bounds = Mapping[str, pd.DataFrame]
"""Of costs that were measured: `low` and `high` ends of their intervals, by variant."""


def fronts(
    variants: pd.DataFrame, accuracy: pd.DataFrame, costs: Sequence[str], bounds: Bounds | None = None
) -> pd.DataFrame:
    """The Pareto front of accuracy (more is better) against every one of `costs` (less is better), cost by cost.

    `variants` has one row a variant: `variant` and the columns `costs`; all must have met the same test images.
    `accuracy` is seeds x variants, as from `by_seed`; what counts is each variant's mean over the seeds it has. One row
    a cost and variant, columns FRONT_COLUMNS:

    - `front`: none is at least as good in both and better in one; variants equal in both stand on it together.
    - `dominated`: some other is, by the point estimates; `dominated_by` is the most accurate such, then the cheapest.
    - `clearly dominated`: some such variant leads in accuracy with an interval above 0 that holds together with those
      of all pairs of `variants` (95 % after Bonferroni; three seeds at least), and is cheaper by its count or, of what
      was measured, with an interval (`bounds`) that lies below; `dominated_by` is the most accurate of those.
    - `not measured`: accuracy or cost is missing; it neither dominates nor is dominated.

    `dominated_by` is empty in the first and last state.
    """
    names = [str(name) for name in variants["variant"]]
    values = accuracy.reindex(columns=names).to_numpy(dtype=np.float64)
    means = np.array([mean_of_known(column) for column in values.T])
    leads = clear_leads(values)
    rows = [row for cost in costs for row in _standings(variants, cost, means, leads, bounds or {})]
    return pd.DataFrame(rows, columns=list(FRONT_COLUMNS))


def _standings(
    variants: pd.DataFrame, cost: str, means: NDArray[np.float64], leads: NDArray[np.bool_], bounds: Bounds
) -> Iterator[dict[str, str]]:
    names, value = [str(name) for name in variants["variant"]], variants[cost].to_numpy(np.float64)
    clear = leads & _clearly_cheaper(value, bounds.get(cost), names)
    for at, name in enumerate(names):
        yield {"cost": cost, "variant": name, **_standing(at, means, value, clear, names)}


def clear_leads(accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the paired t interval of variant i minus variant j lies above 0; shape (variants, variants).

    The intervals of all pairs hold together at 95 % (Bonferroni). `accuracy` is seeds x variants, NaN where a trial is
    missing. Differences that are all equal have no interval, and under 3 pairs nothing is clear.
    """
    variants = accuracy.shape[1]
    confidence = 1 - (1 - CONFIDENCE) / max(1, variants * (variants - 1) // 2)
    return np.stack([_clearly_above(accuracy, accuracy[:, [at]], confidence) for at in range(variants)], axis=1)


def _clearly_cheaper(
    value: NDArray[np.float64], bounds: pd.DataFrame | None, names: Sequence[str]
) -> NDArray[np.bool_]:
    """Whether variant i costs no more than variant j, by intervals where there are some."""
    if bounds is None:
        return value[:, np.newaxis] <= value
    known = bounds.reindex(list(names))
    return known["high"].to_numpy(np.float64)[:, np.newaxis] < known["low"].to_numpy(np.float64)


def _clearly_above(accuracy: NDArray[np.float64], other: NDArray[np.float64], confidence: float) -> NDArray[np.bool_]:
    differences = accuracy - other
    paired = ~np.isnan(differences)
    n = paired.sum(axis=0)
    testable = n >= FEWEST_PAIRS
    kept, n = np.where(paired, differences, 0.0)[:, testable], n[testable]
    mean = kept.sum(axis=0) / n
    squares = (np.where(paired[:, testable], kept - mean, 0.0) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / (n - 1))
    half_width = np.array([t_quantile(int(count), confidence) for count in n]) * deviation / np.sqrt(n)
    clear = np.zeros(accuracy.shape[1], dtype=bool)
    clear[testable] = (mean > half_width) & (deviation > ROUNDING)
    return clear


def _standing(
    at: int, means: NDArray[np.float64], cost: NDArray[np.float64], clear: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, str]:
    if math.isnan(means[at]) or math.isnan(cost[at]):
        return {"state": "not measured", "dominated_by": ""}
    # Comparisons with NaN are false: what is not measured dominates nothing.
    no_worse = (means >= means[at]) & (cost <= cost[at])
    dominating = no_worse & ((means > means[at]) | (cost < cost[at]))
    if not dominating.any():
        return {"state": "front", "dominated_by": ""}
    clearly = dominating & clear[:, at]
    state: ParetoState = "clearly dominated" if clearly.any() else "dominated"
    among = np.flatnonzero(clearly if clearly.any() else dominating)
    best = among[np.lexsort((cost[among], -means[among]))[0]]
    return {"state": state, "dominated_by": names[best]}
