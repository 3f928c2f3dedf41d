"""Intervals that know of both sources of chance: which seeds were trained, and which images were tested on.

The pigeonhole bootstrap (Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2)): seeds are drawn with
replacement, and independently of them images; what a trial made of an image counts as often as its seed was drawn,
times as often as the image was. The interval is the middle 95 % of what the contrast comes to (percentiles). Trials of
one seed, and what all made of one image, stay together, so whatever variants share drops out of their difference.

It does not replace the t interval. Few seeds drawn again from themselves vary less than new ones would, by (n - 1)/n in
variance and without t's longer tails. Where seeds are by far the larger source of chance, simulated 95 % intervals held
the truth in 86 % of studies with 5 seeds and in 91 % with 10; where images are, in 95 % and more, in which the t
interval, blind to images, held it in 80 % and less.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate import randomness
from ablate.analysis.effects import CONFIDENCE
from ablate.analysis.factorial import Weights
from ablate.records import PackedBits

RESAMPLED_METRIC = "accuracy"
"""The column that is the mean of a trial's bits, and so the one that images can be resampled for."""

RESAMPLES = 1_000
# Resamples and trials are taken in blocks: a block of either, times the images in float32, is what memory holds.
RESAMPLES_A_BLOCK = 500
TRIALS_A_BLOCK = 500

Trial = tuple[str, int]
"""Variant and seed."""

CorrectBits = Mapping[Trial, PackedBits]
"""What each trial got right, one bit a test image."""

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Resampled:
    """A combination of variants over the seeds at which all of them are complete."""

    weights: Weights
    seeds: tuple[int, ...]

    def trials(self) -> Iterator[Trial]:
        return ((variant, seed) for variant in self.weights for seed in self.seeds)


def images_intervals(correct: CorrectBits, asked: Sequence[Resampled], resamples: int = RESAMPLES) -> list[Interval]:
    """The 95 % interval of every combination in `asked`, as a difference of accuracies.

    NaN under two seeds, and where a trial has no bits or the trials of one combination had different numbers of
    test images. Combinations over equally many seeds, or images, share their draws, and every number but the last
    division is a whole one: the intervals are the same on every machine.
    """
    images = [_images(correct, each) for each in asked]
    intervals = [UNKNOWN] * len(asked)
    for count in dict.fromkeys(count for count in images if count is not None):
        at = [index for index, own in enumerate(images) if own == count]
        drawn = resample(correct, [asked[index] for index in at], count, resamples)
        for index, interval in zip(at, _percentiles(drawn), strict=True):
            intervals[index] = interval
    return intervals


def resample(correct: CorrectBits, asked: Sequence[Resampled], images: int, resamples: int) -> NDArray[np.float64]:
    """What every combination comes to in every resample of seeds and of `images`; shape (asked, resamples)."""
    row = {trial: at for at, trial in enumerate(dict.fromkeys(trial for each in asked for trial in each.trials()))}
    packed = np.stack([np.frombuffer(correct[trial].packed, np.uint8) for trial in row])
    seeds = {n: _draw_counts(n, range(resamples), "seed resample") for n in {len(each.seeds) for each in asked}}
    drawn = np.empty((len(asked), resamples))
    for start in range(0, resamples, RESAMPLES_A_BLOCK):
        block = range(start, min(start + RESAMPLES_A_BLOCK, resamples))
        scores = _correct_in(packed, _draw_counts(images, block, "image resample"))
        for at, each in enumerate(asked):
            drawn[at, start : block.stop] = _mean_difference(each, scores, row, seeds[len(each.seeds)][:, block])
    return drawn / images


def _images(correct: CorrectBits, each: Resampled) -> int | None:
    if len(each.seeds) < 2 or not all(trial in correct for trial in each.trials()):
        return None
    counts = {correct[trial].count for trial in each.trials()}
    return counts.pop() if len(counts) == 1 else None


def _draw_counts(members: int, resamples: range, purpose: str) -> NDArray[np.float32]:
    """How often each of `members` is drawn, in as many draws, in each of `resamples`; shape (members, resamples)."""
    counts = np.empty((members, len(resamples)), dtype=np.float32, order="F")
    for column, resample_number in enumerate(resamples):
        draws = (randomness.uniform(members, purpose, resample_number) * members).astype(np.int64)
        counts[:, column] = np.bincount(draws, minlength=members)
    return counts


def _correct_in(packed: NDArray[np.uint8], image_counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """How many of the images drawn each trial gets right: whole numbers, shape (trials, resamples)."""
    images = len(image_counts)
    blocks = (packed[start : start + TRIALS_A_BLOCK] for start in range(0, len(packed), TRIALS_A_BLOCK))
    # Sums of whole numbers below 2^24 are exact in float32, in whatever order they are added.
    return np.concatenate(
        [np.unpackbits(each, axis=1, count=images).astype(np.float32) @ image_counts for each in blocks]
    )


def _mean_difference(
    each: Resampled, scores: NDArray[np.float32], row: Mapping[Trial, int], seed_counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The combination's images right, averaged over the seeds drawn; shape (resamples,)."""
    parts = math.lcm(*(weight.denominator for weight in each.weights.values()))
    total = np.zeros(seed_counts.shape)
    for variant, weight in each.weights.items():
        total += int(weight * parts) * scores[[row[variant, seed] for seed in each.seeds]].astype(np.float64)
    mean: NDArray[np.float64] = (total * seed_counts).sum(axis=0) / (parts * len(each.seeds))
    return mean


def _percentiles(drawn: NDArray[np.float64]) -> Iterator[Interval]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=1)
    return ((float(a), float(b)) for a, b in zip(low, high, strict=True))
