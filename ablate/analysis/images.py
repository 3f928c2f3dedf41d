"""Intervals that know of both sources of chance: which seeds were trained, and which images were tested on.

The t interval over seeds says how far off the mean may be for these test images. Another draw of images would move it
too, by the standard error of what a contrast comes to image by image. The two are independent, so their half-widths add
in squares: t^2 s^2 / n over n seeds, and z^2 v / m over m images. Trials of one seed, and what all made of one image,
stay together, so whatever variants share drops out of their difference.

What seeds and images do together stands in both terms, as in every variance of a crossed array that is put together
from its margins (Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2)): the interval is rather too
wide than too narrow. A bootstrap of both, which would seem the way to go, is not: few seeds drawn again from themselves
vary less than new ones would, so that with 5 of them its 95 % intervals held the truth in 86 % of simulated studies.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ablate.analysis.effects import CONFIDENCE, half_interval
from ablate.analysis.factorial import Weights
from ablate.records import PackedBits

METRIC_OF_IMAGES = "accuracy"
"""The column that is the mean of a trial's bits, and so the one whose images are known."""

Trial = tuple[str, int]
"""Variant and seed."""

CorrectBits = Mapping[Trial, PackedBits]
"""What each trial got right, one bit a test image."""

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)

Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # there are many images


@dataclass(frozen=True)
class OverSeeds:
    """A combination of variants over the seeds at which all of them are complete."""

    weights: Weights
    seeds: tuple[int, ...]

    def trials(self) -> Iterator[Trial]:
        return ((variant, seed) for variant in self.weights for seed in self.seeds)


def images_intervals(correct: CorrectBits, asked: Sequence[OverSeeds]) -> list[Interval]:
    """The 95 % interval of every combination in `asked`, as a difference of accuracies.

    NaN under two seeds, and where a trial has no bits or the trials of one combination had different numbers of
    test images.
    """
    return [UNKNOWN if _images(correct, each) is None else _interval(correct, each) for each in asked]


def _images(correct: CorrectBits, each: OverSeeds) -> int | None:
    if len(each.seeds) < 2 or not all(trial in correct for trial in each.trials()):
        return None
    counts = {correct[trial].count for trial in each.trials()}
    return counts.pop() if len(counts) == 1 else None


def _interval(correct: CorrectBits, each: OverSeeds) -> Interval:
    of_seeds, of_images = _margins(correct, each)
    middle, seeds, images = float(np.mean(of_seeds)), len(of_seeds), len(of_images)
    over_seeds = half_interval(float(np.std(of_seeds, ddof=1)), seeds)
    over_images = Z * float(np.std(of_images, ddof=1)) / math.sqrt(images) if images > 1 else math.nan
    half_width = math.hypot(over_seeds, over_images)
    return middle - half_width, middle + half_width


def _margins(correct: CorrectBits, each: OverSeeds) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the combination comes to seed by seed, averaged over images, and image by image, averaged over seeds."""
    parts = math.lcm(*(weight.denominator for weight in each.weights.values()))
    # Whole numbers to the end, so that the order of the sums does not matter.
    of_seeds = np.zeros(len(each.seeds), dtype=np.int64)
    of_images = np.zeros(next(correct[trial].count for trial in each.trials()), dtype=np.int64)
    for variant, weight in each.weights.items():
        bits = _bits(correct, variant, each.seeds)
        of_seeds += int(weight * parts) * bits.sum(axis=1, dtype=np.int64)
        of_images += int(weight * parts) * bits.sum(axis=0, dtype=np.int64)
    return of_seeds / (parts * len(of_images)), of_images / (parts * len(of_seeds))


def _bits(correct: CorrectBits, variant: str, seeds: Sequence[int]) -> NDArray[np.uint8]:
    """What the trials of `variant` got right; shape (seeds, images)."""
    trials = [correct[variant, seed] for seed in seeds]
    return np.unpackbits(np.stack([np.frombuffer(each.packed, np.uint8) for each in trials]), axis=1)[
        :, : trials[0].count
    ]
