"""Crops and flips against a slow reference with numpy, one image at a time, and where their numbers come from."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chisquare
from torch import Tensor

from ablate.train.augmentation import PADDING, Augmentation, Draws, cut, draw, source

KINDS: tuple[Augmentation, ...] = ("crop_flip", "crop", "flip", "none")


def pixels(count: int, channels: int = 3, height: int = 12, width: int = 10) -> Tensor:
    drawn = np.random.default_rng(0).integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    return torch.from_numpy(drawn)


def cropped_and_flipped(
    image: NDArray[np.uint8], kind: Augmentation, top: int, left: int, mirrored: int
) -> NDArray[np.uint8]:
    """The reference: pad one image (channels, height, width), cut it out, mirror it."""
    height, width = image.shape[1:]
    margin = 4 if "crop" in kind else 0
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    window = padded[:, top : top + height, left : left + width]
    return window[:, :, ::-1] if mirrored else window


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_images_are_those_of_the_reference(kind: Augmentation, channels: int) -> None:
    images = pixels(60, channels)
    data = source(images, kind)
    draws = draw(data, seed=1, epoch=2)
    batch = torch.from_numpy(np.random.default_rng(1).permutation(60)[:40])
    expected = [
        cropped_and_flipped(
            images[index].numpy(), kind, int(draws.top[index]), int(draws.left[index]), int(draws.mirrored[index])
        )
        for index in batch
    ]
    np.testing.assert_array_equal(cut(data, draws, batch).numpy(), np.stack(expected))


def test_the_border_is_reflected_as_numpy_reflects() -> None:
    images = pixels(3)
    expected = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="reflect")
    np.testing.assert_array_equal(source(images, "crop").pixels.permute(0, 3, 1, 2).numpy(), expected)


@pytest.mark.parametrize("corner", [0, 2 * PADDING])
def test_the_outermost_crops_stay_inside(corner: int) -> None:
    data = source(pixels(2), "crop")
    at = torch.full((2,), corner)
    batch = cut(data, Draws(at, at, torch.zeros(2, dtype=torch.int64)), torch.arange(2))
    assert tuple(batch.shape) == (2, 3, 12, 10)


def test_images_lie_channels_last_in_memory() -> None:
    data = source(pixels(8), "crop_flip")
    batch = cut(data, draw(data, 0, 0), torch.arange(8))
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_an_image_looks_the_same_whatever_its_batch() -> None:
    data = source(pixels(30), "crop_flip")
    draws = draw(data, seed=3, epoch=1)
    alone = torch.cat([cut(data, draws, torch.tensor([index])) for index in range(30)])
    shuffled = torch.from_numpy(np.random.default_rng(2).permutation(30))
    assert torch.equal(cut(data, draws, shuffled), alone[shuffled])


def test_an_image_draws_the_same_in_a_larger_set() -> None:
    small, large = (draw(source(pixels(count), "crop_flip"), 0, 0) for count in (20, 50))
    assert torch.equal(small.top, large.top[:20])
    assert torch.equal(small.left, large.left[:20])
    assert torch.equal(small.mirrored, large.mirrored[:20])


def test_draws_are_addressed_by_seed_and_epoch() -> None:
    data = source(pixels(500), "crop_flip")
    drawn = {(seed, epoch): draw(data, seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    assert torch.equal(draw(data, 1, 0).top, drawn[1, 0].top)
    tops = [draws.top for draws in drawn.values()]
    agreements = [(a == b).double().mean().item() for n, a in enumerate(tops) for b in tops[n + 1 :]]
    assert max(agreements) < 1 / 9 + 0.06  # chance is 1/9 with a deviation of 0.014


def test_every_offset_and_flip_is_as_likely_as_any_other() -> None:
    data = source(torch.zeros(200_000, 1, 1, 1, dtype=torch.uint8).expand(-1, -1, 9, 9), "crop_flip")
    draws = draw(data, seed=0, epoch=0)
    cells = (draws.top * 9 + draws.left) * 2 + draws.mirrored
    counts = torch.bincount(cells, minlength=162).numpy()
    assert len(counts) == 9 * 9 * 2
    # One draw, fixed by the seed: uniform and jointly independent offsets give such a p or a higher one nearly always.
    assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize(("kind", "moves", "mirrors"), [("crop", True, False), ("flip", False, True)])
def test_a_half_of_the_augmentation_draws_only_its_half(kind: Augmentation, moves: bool, mirrors: bool) -> None:
    draws = draw(source(pixels(200), kind), 0, 0)
    assert bool(draws.top.any()) == bool(draws.left.any()) == moves
    assert bool(draws.mirrored.any()) == mirrors


def test_no_augmentation_gives_the_images_back() -> None:
    images = pixels(10)
    data = source(images, "none")
    assert torch.equal(cut(data, draw(data, 0, 0), torch.arange(10)), images)
