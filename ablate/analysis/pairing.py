"""From a table of trials to differences paired by seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.effects import Differences, PairedEffect, paired_effect
from ablate.analysis.factorial import Weights
from ablate.errors import AblateError

Pairing = Literal["complete", "missing"]

Identity = tuple[tuple[str, Fraction], ...]
"""Variants in order of their names, weighed so that the first has the weight 1."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Differences, shape (n,), one at each of `seeds`; `magnitude` is the largest value that they were taken of."""

    seeds: tuple[int, ...]
    differences: Differences
    magnitude: float


NO_PAIRS = Pairs((), np.empty(0), 0.0)


@dataclass(frozen=True)
class Comparison:
    """One metric, variants weighed against each other, one difference a seed."""

    metric: str
    weights: Weights
    effect: PairedEffect
    pairing: Pairing
    pairs: Pairs = NO_PAIRS

    @property
    def identity(self) -> Identity:
        """The same for two comparisons that differ in sign, scale or order alone: they are one test."""
        ordered = sorted(self.weights.items())
        return tuple((variant, weight / ordered[0][1]) for variant, weight in ordered)


def check_trials(trials: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise `AblateError` unless `trials` has `variant`, `seed` and `columns`, and one row a variant and seed."""
    absent = [column for column in ("variant", "seed", *columns) if column not in trials.columns]
    if absent:
        raise AblateError(
            f"the table of trials has no column {absent[0]!r}; it needs variant, seed and every metric asked for, "
            f"and has {', '.join(map(str, trials.columns))}"
        )
    repeated = trials[trials.duplicated(["variant", "seed"])]
    if len(repeated):
        variant, seed = repeated.iloc[0][["variant", "seed"]]
        raise AblateError(
            f"the table of trials holds variant {variant!r} with seed {seed} more than once; give one row a trial"
        )


def by_seed(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """`metric` as a table of seeds x variants; NaN where a trial is missing or its value is not finite."""
    rows, seeds = pd.factorize(trials["seed"], sort=True)
    columns, variants = pd.factorize(trials["variant"], sort=True)
    table = np.full((len(seeds), len(variants)), np.nan)
    table[rows, columns] = _numbers(trials[metric])
    return pd.DataFrame(table, pd.Index(seeds, name="seed"), pd.Index(variants, name="variant"))


def compare(values: pd.DataFrame, metric: str, weights: Weights) -> Comparison:
    """The weighted sum of variants, seed by seed, over the seeds at which every one of them is complete.

    `values` is as from `by_seed`. A seed that lacks one of the variants is left out whole.
    """
    if not weights:
        return Comparison(metric, {}, paired_effect(np.empty(0), 0.0), "missing")
    columns = list(values.columns)
    arms = values.to_numpy(dtype=np.float64)[:, [columns.index(variant) for variant in weights]]
    complete = ~np.isnan(arms).any(axis=1)
    arms = arms[complete]
    magnitude = float(np.abs(arms).max()) if complete.any() else 0.0
    pairs = Pairs(tuple(values.index[complete]), _weighed(arms, list(weights.values())), magnitude)
    effect = paired_effect(pairs.differences, magnitude)
    return Comparison(metric, weights, effect, "complete" if complete.all() else "missing", pairs)


def _weighed(arms: NDArray[np.float64], weights: Sequence[Fraction]) -> NDArray[np.float64]:
    # Whole multiples in a fixed order, then one division: the same bits on every machine, and v - b stays v - b.
    parts = math.lcm(*(weight.denominator for weight in weights))
    total = np.zeros(len(arms))
    for column, weight in zip(arms.T, weights, strict=True):
        total += column * int(weight * parts)
    return total / parts


def _numbers(column: "pd.Series[float]") -> NDArray[np.float64]:
    try:
        numbers: NDArray[np.float64] = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise AblateError(f"column {column.name!r} of the trials holds something that is no number: {error}") from None
    return np.where(np.isfinite(numbers), numbers, np.nan)
