"""A smaller training split with the same mixture of classes."""

import numpy as np
from numpy.typing import NDArray

from ablate.errors import DataError
from ablate.randomness import permutation


def training_subset(labels: NDArray[np.int64], limit: int | None, seed: int, classes: int) -> NDArray[np.int64]:
    """Indices, ascending, of a stratified subset of `limit` images; all of them when `limit` is None.

    Shares follow the class proportions by largest remainder (Hamilton's method), ties to the lower class. Which images
    come first in a class depends on the data seed and the class alone, so of a balanced set a smaller subset lies
    within a larger one. `labels` is (n,). Raises `DataError` for a limit above n or below the number of classes.
    """
    if limit is None:
        return np.arange(len(labels))
    shares = _shares(np.bincount(labels, minlength=classes), subset_size(limit, len(labels), classes))
    taken = [_of_class(labels, label, share, seed) for label, share in enumerate(shares)]
    return np.sort(np.concatenate(taken))


def subset_size(limit: int | None, available: int, classes: int) -> int:
    """Images of a subset of `limit` out of `available`; raises `DataError` for a limit that no subset can have."""
    if limit is None:
        return available
    if limit > available:
        raise DataError(f"data.train_limit is {limit}, but the training split has {available} images")
    if limit < classes:
        raise DataError(f"data.train_limit is {limit}, fewer than the set's {classes} classes; each needs an image")
    return limit


def _shares(counts: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    whole, remainder = np.divmod(counts * limit, counts.sum())
    left = limit - int(whole.sum())
    whole[np.argsort(-remainder, kind="stable")[:left]] += 1
    return whole


def _of_class(labels: NDArray[np.int64], label: int, share: int, seed: int) -> NDArray[np.int64]:
    members = np.flatnonzero(labels == label)
    return members[permutation(len(members), "train_limit", seed, label)[:share]]
