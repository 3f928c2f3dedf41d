"""A split on its device: statistics of the subset alone, in numpy's numbers."""

import numpy as np
import pytest
import torch

from ablate.data.types import Split
from ablate.train.sets import evaluation_set, training_set
from ablate.train.views import normalise

CPU = torch.device("cpu")


def split(count: int = 50) -> Split:
    source = np.random.default_rng(0)
    images = source.integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    images[:, 1] //= 4  # channels that differ in mean and spread
    images[:, 2] = 200 + images[:, 2] // 8
    return Split(images, source.integers(0, 10, count))


def test_mean_and_deviation_are_those_of_the_subset() -> None:
    whole, subset = split(), np.arange(0, 50, 3)
    data = training_set(whole, subset, "crop_flip", CPU)
    chosen = whole.images[subset].astype(np.float64) / 255
    np.testing.assert_allclose(data.mean.flatten().numpy(), chosen.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(data.std.flatten().numpy(), chosen.std(axis=(0, 2, 3)), rtol=1e-6)
    assert tuple(data.mean.shape) == tuple(data.std.shape) == (1, 3, 1, 1)
    np.testing.assert_array_equal(data.labels.numpy(), whole.labels[subset])


def test_a_constant_channel_is_divided_by_one_grey_level() -> None:
    images = np.full((4, 1, 3, 3), 77, dtype=np.uint8)
    data = training_set(Split(images, np.zeros(4, dtype=np.int64)), np.arange(4), "none", CPU)
    assert data.std.item() == pytest.approx(1 / 255)
    assert torch.equal(
        normalise(torch.from_numpy(images), data.mean, data.std).abs() < 1e-4, torch.ones(4, 1, 3, 3) > 0
    )


def test_extreme_pixels_do_not_overflow() -> None:
    images = np.zeros((2000, 1, 16, 16), dtype=np.uint8)
    images[::2] = 255
    data = training_set(Split(images, np.zeros(2000, dtype=np.int64)), np.arange(2000), "none", CPU)
    assert (data.mean.item(), data.std.item()) == pytest.approx((0.5, 0.5))


def test_normalising_gives_zero_mean_and_unit_deviation() -> None:
    whole = split()
    data = training_set(whole, np.arange(50), "none", CPU)
    pixels = torch.from_numpy(whole.images)
    normal = normalise(pixels.contiguous(memory_format=torch.channels_last), data.mean, data.std)
    assert normal.dtype == torch.float32
    assert normal.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normal.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)
    expected = (whole.images[0, 0, 0, 0] / 255 - data.mean[0, 0, 0, 0].item()) / data.std[0, 0, 0, 0].item()
    assert normal[0, 0, 0, 0].item() == pytest.approx(expected, rel=1e-5)
    assert pixels.dtype == torch.uint8


def test_the_evaluation_set_is_the_split_untouched() -> None:
    whole = split()
    test = evaluation_set(whole, CPU)
    np.testing.assert_array_equal(test.images.numpy(), whole.images)
    np.testing.assert_array_equal(test.labels.numpy(), whole.labels)
    assert test.images.is_contiguous(memory_format=torch.channels_last)
