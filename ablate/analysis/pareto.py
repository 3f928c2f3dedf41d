"""Which variants are worth their cost: those that no other matches in accuracy for less, or beats for the same."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.effects import ROUNDING, t_quantile
from ablate.analysis.verdicts import FEWEST_PAIRS

ParetoState = Literal["front", "dominated", "clearly dominated", "not measured"]

FRONT_COLUMNS = ("cost", "variant", "state", "dominated_by")


def fronts(variants: pd.DataFrame, accuracy: pd.DataFrame, costs: Sequence[str]) -> pd.DataFrame:
    """The Pareto front of accuracy (more is better) against every one of `costs` (less is better), cost by cost.

    `variants` has one row a variant: `variant` and the columns `costs`; all must have met the same test images.
    `accuracy` is seeds x variants, as from `by_seed`; what counts is each variant's mean over the seeds it has. One row
    a cost and variant, columns FRONT_COLUMNS:

    - `front`: none is at least as good in both and better in one; variants equal in both stand on it together.
    - `dominated`: some other is, by the point estimates; `dominated_by` is the most accurate such, then the cheapest.
    - `clearly dominated`: of some such variant the paired 95 % interval of its lead in accuracy lies above 0 (three
      pairs at least); `dominated_by` is the most accurate of those.
    - `not measured`: accuracy or cost is missing; it neither dominates nor is dominated.

    `dominated_by` is empty in the first and last state.
    """
    names = [str(name) for name in variants["variant"]]
    values = accuracy.reindex(columns=names).to_numpy(dtype=np.float64)
    means = np.array([_mean(column) for column in values.T])
    leads = clear_leads(values)
    rows = [
        {"cost": cost, "variant": name, **_standing(at, means, variants[cost].to_numpy(np.float64), leads, names)}
        for cost in costs
        for at, name in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=list(FRONT_COLUMNS))


def clear_leads(accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the paired 95 % t interval of variant i minus variant j lies above 0; shape (variants, variants).

    `accuracy` is seeds x variants, NaN where a trial is missing. Differences that are all equal have no interval, and
    under 3 pairs nothing is clear.
    """
    return np.stack([_clearly_above(accuracy, accuracy[:, [at]]) for at in range(accuracy.shape[1])], axis=1)


def _clearly_above(accuracy: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    differences = accuracy - other
    paired = ~np.isnan(differences)
    n = paired.sum(axis=0)
    testable = n >= FEWEST_PAIRS
    kept, n = np.where(paired, differences, 0.0)[:, testable], n[testable]
    mean = kept.sum(axis=0) / n
    squares = (np.where(paired[:, testable], kept - mean, 0.0) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / (n - 1))
    half_width = np.array([t_quantile(int(count)) for count in n]) * deviation / np.sqrt(n)
    clear = np.zeros(accuracy.shape[1], dtype=bool)
    clear[testable] = (mean > half_width) & (deviation > ROUNDING)
    return clear


def _standing(
    at: int, means: NDArray[np.float64], cost: NDArray[np.float64], leads: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, str]:
    if math.isnan(means[at]) or math.isnan(cost[at]):
        return {"state": "not measured", "dominated_by": ""}
    # Comparisons with NaN are false: what is not measured dominates nothing.
    no_worse = (means >= means[at]) & (cost <= cost[at])
    dominating = no_worse & ((means > means[at]) | (cost < cost[at]))
    if not dominating.any():
        return {"state": "front", "dominated_by": ""}
    clearly = dominating & leads[:, at]
    state: ParetoState = "clearly dominated" if clearly.any() else "dominated"
    among = np.flatnonzero(clearly if clearly.any() else dominating)
    best = among[np.lexsort((cost[among], -means[among]))[0]]
    return {"state": state, "dominated_by": names[best]}


def _mean(column: NDArray[np.float64]) -> float:
    known = column[~np.isnan(column)]
    # Sums in another order differ by rounding: variants that are equal must stay so.
    return round(float(known.mean()), 12) if len(known) else math.nan
