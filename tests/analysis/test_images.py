"""Against the half-widths worked out from the table of seeds x images, and against simulated truth."""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ablate.analysis.factorial import Weights, difference, interaction, pair
from ablate.analysis.images import OverSeeds, images_intervals
from ablate.records import PackedBits

CELLS = {
    f"{activation},{norm}": {"activation": activation, "norm": norm}
    for activation in ("relu", "elu", "gelu")
    for norm in ("before", "after")
}
MAIN_EFFECT = difference(list(CELLS.items()), {"activation": "elu"}, {"activation": "relu"})
INTERACTION = interaction(
    list(CELLS.items()), {"activation": "elu"}, {"activation": "relu"}, {"norm": "after"}, {"norm": "before"}
)
UNEVEN = {"relu,before": Fraction(1), "elu,before": Fraction(-1, 3), "gelu,before": Fraction(-2, 3)}

Drawn = dict[tuple[str, int], NDArray[np.bool_]]


def right(images: int = 37, seeds: Iterable[int] = (3, 4, 5, 9), seed: int = 0) -> Drawn:
    """What every trial gets right; images differ in difficulty, and cells in accuracy."""
    draw = np.random.default_rng(seed)
    easy = draw.beta(2, 1, images)
    return {
        (variant, at): draw.random(images) < np.clip(easy + 0.05 * index, 0, 1)
        for index, variant in enumerate(CELLS)
        for at in seeds
    }


def packed(drawn: Drawn) -> dict[tuple[str, int], PackedBits]:
    return {trial: PackedBits(np.packbits(bits).tobytes(), len(bits)) for trial, bits in drawn.items()}


def table_of(drawn: Drawn, weights: Weights, seeds: Iterable[int]) -> NDArray[np.float64]:
    """The combination image by image; shape (seeds, images)."""
    return np.array([sum(float(w) * drawn[variant, seed] for variant, w in weights.items()) for seed in seeds])


@pytest.mark.parametrize("weights", [pair("elu,after", "relu,before").weights, MAIN_EFFECT, INTERACTION, UNEVEN])
def test_both_half_widths_add_in_squares(weights: Weights) -> None:
    drawn, seeds = right(), (3, 5, 9)
    table = table_of(drawn, weights, seeds)
    over_seeds = stats.ttest_1samp(table.mean(axis=1), 0).confidence_interval()
    over_images = stats.norm.ppf(0.975) * stats.sem(table.mean(axis=0))
    half = math.hypot((over_seeds.high - over_seeds.low) / 2, over_images)
    (interval,) = images_intervals(packed(drawn), [OverSeeds(weights, seeds)])
    assert interval == pytest.approx((table.mean() - half, table.mean() + half), abs=1e-12)


def test_where_seeds_agree_the_images_alone_make_the_interval() -> None:
    draw = np.random.default_rng(5)
    one, other = draw.random(400) < 0.8, draw.random(400) < 0.7
    drawn = {(variant, seed): bits for variant, bits in (("a", one), ("b", other)) for seed in range(4)}
    (interval,) = images_intervals(packed(drawn), [OverSeeds(pair("a", "b").weights, (0, 1, 2, 3))])
    gain = one.astype(float) - other
    half = 1.959964 * gain.std(ddof=1) / math.sqrt(400)
    assert interval == pytest.approx((gain.mean() - half, gain.mean() + half), abs=1e-8)


def test_what_is_alike_differs_by_nothing() -> None:
    drawn = right()
    same = {**drawn, **{("copy", seed): drawn["elu,after", seed] for seed in (3, 4, 5)}}
    assert images_intervals(packed(same), [OverSeeds(pair("copy", "elu,after").weights, (3, 4, 5))]) == [(0.0, 0.0)]


def test_what_is_missing_or_does_not_fit_has_no_interval() -> None:
    drawn = right()
    other = {**drawn, **right(images=36, seeds=(7,))}
    asked = [
        OverSeeds(MAIN_EFFECT, (3,)),
        OverSeeds({}, ()),
        OverSeeds(MAIN_EFFECT, (3, 8)),
        OverSeeds(MAIN_EFFECT, (3, 7)),
        OverSeeds(MAIN_EFFECT, (3, 4)),
    ]
    found = images_intervals(packed(other), asked)
    assert [math.isnan(low) for low, _ in found] == [True, True, True, True, False]


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(("of_seeds", "of_images"), [(0.1, 0.0), (0.02, 0.15), (0.0, 0.3)])
def test_it_holds_the_truth_in_95_percent_and_more(n: int, of_seeds: float, of_images: float) -> None:
    """Answers to images whose chance depends on seed and image; the truth is the mean over both populations."""
    draw, studies, images = np.random.default_rng(n), 400, 200
    held = 0
    for _ in range(studies):
        chance = 0.5 + draw.normal(0, of_seeds, (n, 1)) + draw.normal(0, of_images, (1, images))
        drawn = {("a", seed): draw.random(images) < chance[seed] for seed in range(n)}
        drawn |= {("b", seed): draw.random(images) < 0.5 for seed in range(n)}
        ((low, high),) = images_intervals(packed(drawn), [OverSeeds(pair("a", "b").weights, tuple(range(n)))])
        held += low <= 0 <= high
    assert held / studies >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / studies)
