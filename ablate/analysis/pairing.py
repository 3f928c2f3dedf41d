"""From a table of trials to differences paired by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ablate.analysis.effects import PairedEffect, paired_effect
from ablate.errors import AblateError

Pair = tuple[str, str]
"""(variant, what it is compared with)."""

Pairing = Literal["complete", "missing"]


@dataclass(frozen=True)
class Comparison:
    """One metric, one or more pairs of variants averaged, one difference a seed."""

    metric: str
    pairs: tuple[Pair, ...]
    effect: PairedEffect
    pairing: Pairing

    @property
    def identity(self) -> tuple[Pair, ...]:
        """The same for two comparisons that differ in sign or order alone: they are one test."""
        return min(tuple(sorted(self.pairs)), tuple(sorted((right, left) for left, right in self.pairs)))


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
    values = trials[["variant", "seed"]].assign(value=_numbers(trials[metric]))
    return values.pivot(index="seed", columns="variant", values="value")


def compare(values: pd.DataFrame, metric: str, pairs: Sequence[Pair]) -> Comparison:
    """Compare over the seeds at which every one of `pairs` is complete; `values` as from `by_seed`.

    With several pairs a seed's difference is their average, so a seed that lacks one of them is left out whole.
    """
    if not pairs:
        return Comparison(metric, (), paired_effect(np.empty(0), 0.0), "missing")
    left = values[[left for left, _ in pairs]].to_numpy(dtype=np.float64)
    right = values[[right for _, right in pairs]].to_numpy(dtype=np.float64)
    complete = ~(np.isnan(left) | np.isnan(right)).any(axis=1)
    left, right = left[complete], right[complete]
    magnitude = float(max(np.abs(left).max(), np.abs(right).max())) if complete.any() else 0.0
    effect = paired_effect((left - right).mean(axis=1), magnitude)
    return Comparison(metric, tuple(pairs), effect, "complete" if complete.all() else "missing")


def _numbers(column: "pd.Series[float]") -> "pd.Series[float]":
    try:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise AblateError(f"column {column.name!r} of the trials holds something that is no number: {error}") from None
    return pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), index=column.index)
