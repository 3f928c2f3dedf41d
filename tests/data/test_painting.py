import numpy as np
import pytest
import torch
from torch.nn import functional

from ablate.data import painting, shapes
from ablate.randomness import words


def test_below_is_uniform_and_bounded() -> None:
    drawn = painting.below(words(100_000, "test"), 7)
    counts = np.bincount(drawn, minlength=7)
    assert len(counts) == 7
    assert (np.abs(counts - 100_000 / 7) < 5 * np.sqrt(100_000 / 7)).all()


def test_between_holds_both_ends() -> None:
    ends = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert painting.between(ends, -3, 5).tolist() == [-3, 5]
    assert painting.between(ends, np.array([1, 10]), np.array([4, 20])).tolist() == [1, 20]


def test_coverage_sums_to_the_area_whatever_the_place() -> None:
    n = 400
    kind = np.zeros(n, dtype=np.int64)
    x, y = (painting.below(words(n, axis), 256) + (10 << 8) for axis in "xy")
    stamps = painting.Stamps(kind, x, y, np.full(n, 6 << 8), painting.below(words(n, "turn"), shapes.TURN))
    covered = painting.coverage(painting.Bitmaps.of(shapes.CLASSES), stamps, 12)
    areas = covered.sum((1, 2)) / painting.FULL_COVERAGE
    assert areas.mean() == pytest.approx(36, rel=0.005)
    assert areas.std() < 0.5


def test_the_centre_of_mass_lies_where_it_was_put() -> None:
    n = 400
    x, y = (painting.below(words(n, axis), 1024) + (10 << 8) for axis in "xy")
    square = np.full(n, list(shapes.CLASSES).index("square"))
    stamps = painting.Stamps(square, x, y, np.full(n, 6 << 8), painting.below(words(n, "turn"), shapes.TURN))
    covered = painting.coverage(painting.Bitmaps.of(shapes.CLASSES), stamps, 16).astype(float)
    row, column = painting.corners(stamps, 16)
    centres = np.arange(16) + 0.5
    found_x = (covered.sum(1) * centres).sum(1) / covered.sum((1, 2)) + column
    found_y = (covered.sum(2) * centres).sum(1) / covered.sum((1, 2)) + row
    # An upright square's edge moves in steps of a subpixel: at most half of a quarter pixel off.
    assert np.abs(found_x - x / 256).max() <= 0.126
    assert np.abs(found_y - y / 256).max() <= 0.126
    assert np.abs(found_x - x / 256).mean() < 0.02


def test_lattice_is_bilinear_interpolation() -> None:
    points = painting.between(words(3 * 5 * 5, "points"), -128, 127).reshape(3, 5, 5)
    fields = painting.lattice(points.astype(np.int16), 4)
    wanted = functional.interpolate(
        torch.tensor(points[:, None], dtype=torch.float64), size=17, mode="bilinear", align_corners=True
    )
    np.testing.assert_allclose(fields / 16, wanted[:, 0, :16, :16].numpy(), atol=1e-9)


def test_stripes_repeat_after_their_period() -> None:
    across, zero = np.array([0]), np.array([0])
    wave = painting.stripes(32, across, np.array([8]), zero)[0]
    assert wave[0, :8].tolist() == [64, 32, 0, -32, -64, -32, 0, 32]
    assert (wave[:, 8:] == wave[:, :-8]).all()
    assert (wave == wave[:1]).all()


def test_blend_mixes_by_coverage() -> None:
    canvas = np.full((2, 3, 4, 4), 100, dtype=np.int16)
    covered = np.array([[[0, 4], [8, 16]]], dtype=np.uint8)
    corner = (np.array([1]), np.array([2]))
    painting.blend(canvas, np.array([1]), corner, covered, np.array([[20, 100, 180]]))
    assert canvas[1, 0, 1:3, 2:4].tolist() == [[100, 80], [60, 20]]
    assert canvas[1, 2, 1:3, 2:4].tolist() == [[100, 120], [140, 180]]
    untouched = canvas.copy()
    untouched[1, :, 1:3, 2:4] = 100
    assert (untouched == 100).all()


@pytest.mark.parametrize("sigma", [4, 16, 64])
def test_grain_has_the_stated_deviation_and_no_mean(sigma: int) -> None:
    noise = painting.grain(words(200_000, "noise"), sigma << 8).astype(float)
    assert len(noise) == 400_000
    assert noise.mean() == pytest.approx(0, abs=5 * sigma / np.sqrt(400_000))
    assert noise.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.01)


def test_no_noise_is_no_noise() -> None:
    assert not painting.grain(words(100, "noise"), 0).any()
