"""Counter-based random numbers: every draw is addressed by what it is for, never by what was drawn before it.

A stream is named by a purpose and its counters, for instance `("augmentation", seed, epoch)`, and drawn from Philox
4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), whose raw words numpy keeps stable across
versions and machines. Two variants with one seed therefore see the same images in the same order whatever their layers
consume, and a trial that is resumed, or runs in a used worker, needs no generator state.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Counter = int | str


def words(count: int, purpose: str, *counters: Counter) -> NDArray[np.uint64]:
    """`count` raw 64-bit words of the stream named by `purpose` and `counters`; shape (count,)."""
    raw: NDArray[np.uint64] = _philox(purpose, *counters).random_raw(count)
    return raw


def normal(count: int, purpose: str, *counters: Counter) -> NDArray[np.float32]:
    """`count` standard normal numbers of the stream named by `purpose` and `counters`; shape (count,), float32."""
    return np.random.Generator(_philox(purpose, *counters)).standard_normal(count, dtype=np.float32)


def uniform(count: int, purpose: str, *counters: Counter) -> NDArray[np.float64]:
    """`count` numbers in [0, 1), 53 bits each, of the stream named by `purpose` and `counters`; shape (count,)."""
    whole: NDArray[np.float64] = (words(count, purpose, *counters) >> np.uint64(11)).astype(np.float64)
    return whole * 2.0**-53


def permutation(count: int, purpose: str, *counters: Counter) -> NDArray[np.int64]:
    """A permutation of `range(count)`, by sorting raw words: integers alone, so equal on every machine."""
    return np.argsort(words(count, purpose, *counters), kind="stable").astype(np.int64)


def seed_of(purpose: str, *counters: Counter) -> int:
    """A 63-bit seed for a generator that is not ours (torch's dropout)."""
    return int(_key(purpose, *counters) >> 65)


def _philox(purpose: str, *counters: Counter) -> np.random.Philox:
    return np.random.Philox(key=_key(purpose, *counters))


def _key(purpose: str, *counters: Counter) -> int:
    name = "\0".join([purpose, *(f"{type(counter).__name__}:{counter}" for counter in counters)])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
