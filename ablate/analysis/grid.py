"""A metric over every combination of the levels of several factors."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.effects import ROUNDING
from ablate.analysis.pairing import by_seed, check_trials
from ablate.errors import AblateError


@dataclass(frozen=True)
class Grid:
    """`levels`: factor -> its levels, of which there are several, the baseline's first.

    `variants` and `values`, shape (seeds, cells), are in the order of the product of `levels`, over the seeds at which
    no cell is missing. Where the trials lack a combination its variant is None, and there is no such seed.
    """

    levels: Mapping[str, tuple[str, ...]]
    variants: tuple[str | None, ...]
    values: NDArray[np.float64]

    @property
    def testable(self) -> bool:
        """Whether there are two cells and two seeds, and more than rounding that neither explains."""
        if len(self.values) < 2 or not self.levels:
            return False
        return bool(self.residual_square > (ROUNDING * np.abs(self.values).max()) ** 2)

    @property
    def means(self) -> NDArray[np.float64]:
        """Each cell's mean over the seeds, one axis a factor."""
        means: NDArray[np.float64] = self.values.mean(axis=0).reshape([len(named) for named in self.levels.values()])
        return means

    @property
    def residual_df(self) -> int:
        return (len(self.values) - 1) * (len(self.variants) - 1)

    @property
    def residual_square(self) -> float:
        """Mean square of what neither the seed nor the cell explains (Montgomery 2017, section 4.1)."""
        of_seeds, of_cells = self.values.mean(axis=1, keepdims=True), self.values.mean(axis=0)
        residuals = self.values - of_seeds - of_cells + self.values.mean()
        return float((residuals**2).sum() / self.residual_df)


def grid(trials: pd.DataFrame, factors: Sequence[str], metric: str, baseline: Mapping[str, Any] | None = None) -> Grid:
    """`metric` over the levels of `factors`, columns of `trials`, which has one row a trial as for `contrasts`.

    Raises `AblateError` where two variants have the same levels, a column is absent, a trial stands there twice, or
    `baseline` names a level that no trial has.
    """
    check_trials(trials, [metric, *factors])
    variant_at = _variant_at(trials, factors)
    levels = {factor: _levels(factor, [cell[at] for cell in variant_at], baseline) for at, factor in enumerate(factors)}
    variants = tuple(variant_at.get(cell) for cell in itertools.product(*levels.values()))
    several = {factor: named for factor, named in levels.items() if len(named) > 1}
    return Grid(several, variants, _complete(by_seed(trials, metric), variants))


def _variant_at(trials: pd.DataFrame, factors: Sequence[str]) -> dict[tuple[str, ...], str]:
    arms = trials.drop_duplicates("variant")
    found: dict[tuple[str, ...], str] = {}
    # A level read from a table may be 0.5 where the baseline has "0.5", or the other way round.
    for variant, *cell in arms[["variant", *factors]].astype(str).itertuples(index=False):
        other = found.setdefault(tuple(cell), variant)
        if other != variant:
            raise AblateError(
                f"variants {other!r} and {variant!r} have the same levels of {', '.join(factors)}; name every factor "
                "that tells variants apart, and give one condition of the data at a time"
            )
    return found


def _levels(factor: str, column: Sequence[str], baseline: Mapping[str, Any] | None) -> tuple[str, ...]:
    levels = tuple(dict.fromkeys(column))
    if baseline is None:
        return levels
    first = str(baseline[factor])
    if first not in levels:
        raise AblateError(f"no trial has the baseline's level {first!r} of {factor}; levels: {', '.join(levels)}")
    return (first, *(level for level in levels if level != first))


def _complete(values: pd.DataFrame, variants: Sequence[str | None]) -> NDArray[np.float64]:
    if None in variants:
        return np.empty((0, len(variants)))
    arms: NDArray[np.float64] = values[list(variants)].to_numpy(dtype=np.float64)
    return arms[~np.isnan(arms).any(axis=1)]
