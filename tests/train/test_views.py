"""What the network is given: which steps a view is made of, and its size."""

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from torch import Tensor

from ablate.train.augmentation import cut, draw, source
from ablate.train.resized_crop import cut_boxes, draw_boxes
from ablate.train.rotation import draw_angles, turned
from ablate.train.views import Views, draw_views, evaluation_view, resized, training_views

ALL = torch.arange(20)


def pixels(count: int = 20, side: int = 32) -> Tensor:
    drawn = np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    return torch.from_numpy(drawn)


def view(views: Views, indices: Tensor) -> Tensor:
    return next(training_views(views, [indices]))


def test_a_plain_view_is_the_cut_itself() -> None:
    data = source(pixels(), "crop_flip")
    assert torch.equal(view(draw_views(data, 32, None, 1, 2), ALL), cut(data, draw(data, 1, 2), ALL))


def test_rotation_follows_the_cut() -> None:
    data, batch = source(pixels(), "crop_flip"), torch.tensor([7, 3, 11])
    angles = draw_angles(20, 30.0, 1, 2)
    expected = turned(cut(data, draw(data, 1, 2), batch), angles[batch])
    assert torch.equal(view(draw_views(data, 32, 30.0, 1, 2), batch), expected)


def test_resizing_follows_rotation() -> None:
    data = source(pixels(), "flip")
    small = view(draw_views(data, 32, 30.0, 1, 2), ALL)
    assert torch.equal(view(draw_views(data, 50, 30.0, 1, 2), ALL), resized(small, 50))


@pytest.mark.parametrize("side", [24, 32, 75])
def test_a_resized_crop_has_the_networks_size_at_once(side: int) -> None:
    data = source(pixels(), "resized_crop_flip")
    shown = view(draw_views(data, side, None, 1, 2), ALL)
    expected = cut_boxes(data.pixels, draw_boxes(data.pixels, 1, 2), ALL, side)
    assert shown.dtype == torch.uint8
    assert shown.is_contiguous(memory_format=torch.channels_last)
    assert (shown.float() - expected).abs().max() <= 0.501


@pytest.mark.parametrize("side", [8, 20, 45, 96])
def test_resizing_is_torchvisions(side: int) -> None:
    images = pixels()
    expected = tv.resize(images.float(), [side, side], antialias=True)
    taken = resized(images.contiguous(memory_format=torch.channels_last), side)
    assert taken.dtype == torch.uint8
    assert taken.is_contiguous(memory_format=torch.channels_last)
    assert (taken.float() - expected).abs().max() <= 0.501


def test_images_of_the_right_size_are_not_touched() -> None:
    images = pixels()
    assert resized(images, 32) is images
    assert evaluation_view(images, 32, None) is images


@pytest.mark.parametrize(
    ("side", "share", "whole"), [(28, 0.875, 32), (299, 299 / 320, 320), (31, 31 / 34, 34), (30, 30 / 33, 33)]
)
def test_a_test_crop_is_the_centre_of_a_larger_image(side: int, share: float, whole: int) -> None:
    images = pixels(2)
    expected = tv.center_crop(tv.resize(images.float(), [whole, whole], antialias=True), [side, side])
    assert (evaluation_view(images, side, share).float() - expected).abs().max() <= 0.501
