"""A smaller training split with the same mixture of classes, and a validation split taken out of it."""

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
    return _drawn(labels, shares, "train_limit", seed)


def held_out(labels: NDArray[np.int64], share: float | None, seed: int, classes: int) -> NDArray[np.int64]:
    """Indices, ascending, of a stratified `share` of `labels` (n,) that is kept from training; none for None.

    Shares follow the class proportions by largest remainder; which images they are depends on the data seed and their
    class alone. Raises `DataError` as `validation_size` does.
    """
    count = validation_size(share, len(labels), classes)
    if count == 0:
        return np.arange(0)
    return _drawn(labels, _shares(np.bincount(labels, minlength=classes), count), "validation", seed)


def validation_size(share: float | None, images: int, classes: int) -> int:
    """Images in a `share` of `images`, rounded; raises `DataError` when validation or training lacks an image a class.

    The classes themselves need not be equally large; a class may still be too small for its share.
    """
    if share is None:
        return 0
    count = round(share * images)
    if not classes <= count <= images - classes:
        raise DataError(
            f"data.validation: {share:g} of {images} training images holds out {count} and leaves {images - count}; "
            f"each side needs {classes}, one a class; choose another share, or more images"
        )
    return count


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


def _drawn(labels: NDArray[np.int64], shares: NDArray[np.int64], purpose: str, seed: int) -> NDArray[np.int64]:
    """Indices, ascending, of `shares` images of each class, those that come first in the stream of `purpose`."""
    taken = []
    for label, share in enumerate(shares):
        members = np.flatnonzero(labels == label)
        taken.append(members[permutation(len(members), purpose, seed, label)[:share]])
    return np.sort(np.concatenate(taken))
