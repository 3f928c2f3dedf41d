"""Against the procedure written out draw by draw, and against the variance that it must have."""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate import randomness
from ablate.analysis import bootstrap
from ablate.analysis.bootstrap import Resampled, images_intervals, resample
from ablate.analysis.factorial import Weights, difference, interaction, pair
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


def differences(drawn: Drawn, weights: Weights, seeds: Iterable[int]) -> NDArray[np.float64]:
    """The combination image by image; shape (seeds, images)."""
    return np.array([sum(float(w) * drawn[variant, seed] for variant, w in weights.items()) for seed in seeds])


def written_out(table: NDArray[np.float64], resamples: int) -> NDArray[np.float64]:
    """Draw seeds, draw images, and average what stands where they cross."""
    seeds, images = table.shape
    means = []
    for number in range(resamples):
        drawn_seeds = np.floor(randomness.uniform(seeds, "seed resample", number) * seeds).astype(int)
        drawn_images = np.floor(randomness.uniform(images, "image resample", number) * images).astype(int)
        means.append(np.mean([table[seed, image] for seed in drawn_seeds for image in drawn_images]))
    return np.array(means)


@pytest.mark.parametrize("weights", [pair("elu,after", "relu,before").weights, MAIN_EFFECT, INTERACTION, UNEVEN])
def test_it_is_the_procedure_written_out(weights: Weights) -> None:
    drawn, seeds = right(), (3, 5, 9)
    expected = written_out(differences(drawn, weights, seeds), 200)
    asked = [Resampled(weights, seeds)]
    assert resample(packed(drawn), asked, 37, 200)[0] == pytest.approx(expected, abs=1e-10)
    (interval,) = images_intervals(packed(drawn), asked, 200)
    assert interval == pytest.approx(tuple(np.percentile(expected, [2.5, 97.5])), abs=1e-10)


def test_the_variance_is_the_pigeonhole_bootstrap_s() -> None:
    """Var(u'Dv) of independent multinomial shares u of seeds and v of images, worked out by hand."""
    seeds, resamples = (3, 4, 5, 9), 20_000
    drawn = right(images=23)
    table = differences(drawn, MAIN_EFFECT, seeds)

    def covariance(members: int) -> NDArray[np.float64]:
        return (np.eye(members) - 1 / members) / members**2

    of_seeds, of_images = covariance(4), covariance(23)
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    expected = columns @ of_images @ columns + rows @ of_seeds @ rows
    expected += np.trace(table @ of_images @ table.T @ of_seeds)
    (found,) = resample(packed(drawn), [Resampled(MAIN_EFFECT, seeds)], 23, resamples)
    assert found.mean() == pytest.approx(table.mean(), abs=4 * math.sqrt(expected / resamples))
    assert found.var() == pytest.approx(expected, rel=4 * math.sqrt(2 / resamples))


def test_where_seeds_agree_the_images_alone_make_the_interval() -> None:
    """Every seed alike: the middle 95 % of a mean of 400 paired answers, by the normal distribution."""
    draw = np.random.default_rng(5)
    one, other = draw.random(400) < 0.8, draw.random(400) < 0.7
    drawn = {(variant, seed): bits for variant, bits in (("a", one), ("b", other)) for seed in range(4)}
    ((low, high),) = images_intervals(packed(drawn), [Resampled(pair("a", "b").weights, (0, 1, 2, 3))])
    gain = one.astype(float) - other
    half = 1.96 * gain.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((gain.mean() - half, gain.mean() + half), abs=0.1 * half)


def test_what_variants_share_drops_out() -> None:
    drawn = right()
    same = {**drawn, **{("copy", seed): bits for (variant, seed), bits in drawn.items() if variant == "elu,after"}}
    assert images_intervals(packed(same), [Resampled(pair("copy", "elu,after").weights, (3, 4, 5))]) == [(0.0, 0.0)]


def test_combinations_are_judged_alike_alone_and_together() -> None:
    bits = packed(right())
    asked = [Resampled(MAIN_EFFECT, (3, 4, 5, 9)), Resampled(INTERACTION, (3, 4)), Resampled(UNEVEN, (3, 4, 5, 9))]
    assert images_intervals(bits, asked) == [images_intervals(bits, [each])[0] for each in asked]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bits, asked = packed(right()), [Resampled(MAIN_EFFECT, (3, 4, 5)), Resampled(UNEVEN, (3, 9))]
    expected = images_intervals(bits, asked)
    monkeypatch.setattr(bootstrap, "RESAMPLES_A_BLOCK", 7)
    monkeypatch.setattr(bootstrap, "TRIALS_A_BLOCK", 5)
    assert images_intervals(bits, asked) == expected


def test_test_sets_of_several_sizes_stand_side_by_side() -> None:
    """As under two levels of a factor on the data: each combination has images of its own."""
    large = right(images=37)
    small = {(f"{variant} small", seed): bits[:20] for (variant, seed), bits in large.items()}
    asked = [Resampled(pair("elu,after", "relu,after").weights, (3, 4, 5))]
    asked += [Resampled(pair("elu,after small", "relu,after small").weights, (3, 4, 5))]
    together = images_intervals(packed({**large, **small}), asked)
    assert together[0] == images_intervals(packed(large), asked[:1])[0]
    assert together[1] == images_intervals(packed(small), asked[1:])[0] != together[0]


def test_what_cannot_be_paired_by_image_has_no_interval() -> None:
    drawn = right()
    drawn["elu,after", 4] = drawn["elu,after", 4][:30]
    del drawn["gelu,after", 5]
    over_seeds = [
        Resampled(pair(variant, "relu,before").weights, seeds)
        for variant, seeds in [
            ("elu,after", (3, 4)),
            ("gelu,after", (3, 5)),
            ("gelu,before", (3,)),
            ("gelu,before", ()),
        ]
    ]
    found = images_intervals(packed(drawn), [*over_seeds, Resampled({}, ()), Resampled(MAIN_EFFECT, (3, 5, 9))])
    assert [math.isnan(low) and math.isnan(high) for low, high in found] == [True] * 5 + [False]
