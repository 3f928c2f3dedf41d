"""Points of a front: whom nobody else beats in every objective. Free of pandas, since runs begin with it."""

import math
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Name = TypeVar("Name", bound=Hashable)


def unbeaten(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of rows, shape (n, objectives), less being better in each: those that no other is as good as in all of them, and
    better in one."""
    beaten = [((losses <= own).all(axis=1) & (losses < own).any(axis=1)).any() for own in losses]
    return ~np.array(beaten, dtype=bool)


def mean_of_repeats(names: Sequence[Name], values: Sequence[Sequence[float]]) -> dict[Name, list[float]]:
    """The mean of each column of `values` over the rows of one name, by name, in the order of their first rows.

    A combination that was tried more often than once is one point of a front: the luckiest of its repeats is not.
    """
    rows: dict[Name, list[Sequence[float]]] = {}
    for name, row in zip(names, values, strict=True):
        rows.setdefault(name, []).append(row)
    return {name: [mean_of_known(column) for column in np.array(own, dtype=np.float64).T] for name, own in rows.items()}


def mean_of_known(column: NDArray[np.float64]) -> float:
    """The mean of what is no NaN, NaN where nothing is."""
    known = column[~np.isnan(column)]
    # Sums in another order differ by rounding: variants that are equal must stay so.
    return round(float(known.mean()), 12) if len(known) else math.nan
