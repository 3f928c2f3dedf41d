"""Rotations against torchvision's, one image at a time."""

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from scipy.stats import kstest
from torch import Tensor

from ablate.train.rotation import draw_angles, turned


def pixels(count: int, height: int = 32, width: int = 32) -> Tensor:
    drawn = np.random.default_rng(0).integers(1, 256, (count, 3, height, width), dtype=np.uint8)
    return torch.from_numpy(drawn)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 31)])
@pytest.mark.parametrize("degrees", [15.0, 180.0])
def test_images_are_turned_as_torchvision_turns_them(height: int, width: int, degrees: float) -> None:
    images, angles = pixels(40, height, width), draw_angles(40, degrees, seed=0, epoch=0)
    expected = torch.stack([tv.rotate(image, angle) for image, angle in zip(images, angles.tolist(), strict=True)])
    # A pixel half way between two may fall to either.
    assert (turned(images, angles) != expected).float().mean() < 1e-3


def test_a_quarter_turn_is_exact() -> None:
    images = pixels(3)
    assert torch.equal(turned(images, torch.full((3,), 90.0)), torch.rot90(images, 1, (2, 3)))


def test_no_turn_changes_nothing_and_beyond_the_image_is_black() -> None:
    images = pixels(3)
    assert torch.equal(turned(images, torch.zeros(3)), images)
    corners = turned(images, torch.full((3,), 45.0))[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any()


def test_images_stay_bytes_with_their_channels_last() -> None:
    taken = turned(pixels(4).contiguous(memory_format=torch.channels_last), torch.full((4,), 7.0))
    assert taken.dtype == torch.uint8
    assert taken.is_contiguous(memory_format=torch.channels_last)


def test_angles_are_uniform_both_ways_and_addressed_by_seed_epoch_and_image() -> None:
    angles = draw_angles(5000, 15.0, 0, 0)
    assert kstest(angles.double().numpy(), "uniform", args=(-15, 30)).pvalue > 1e-3
    assert torch.equal(angles[:10], draw_angles(10, 15.0, 0, 0))
    assert not torch.equal(angles[:10], draw_angles(10, 15.0, 0, 1))
    assert not torch.equal(angles[:10], draw_angles(10, 15.0, 1, 0))
