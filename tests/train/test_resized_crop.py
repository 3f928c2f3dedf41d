"""Random resized crops against torchvision's, one image at a time, and the distribution of their boxes."""

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from scipy.stats import kstest
from torch import Tensor
from torchvision.transforms.v2 import RandomResizedCrop

from ablate.train.resized_crop import Boxes, cut_boxes, draw_boxes


def pixels(count: int, height: int = 32, width: int = 32) -> Tensor:
    drawn = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return torch.from_numpy(drawn)


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [(32, 32, 75), (32, 32, 32), (64, 48, 20), (48, 64, 40)],
    ids=["enlarged", "same", "shrunk", "both"],
)
def test_crops_are_torchvisions(height: int, width: int, side: int) -> None:
    images = pixels(24, height, width)
    boxes = draw_boxes(images, seed=1, epoch=2)
    batch = torch.from_numpy(np.random.default_rng(1).permutation(24)[:16])
    for taken, index in zip(cut_boxes(images, boxes, batch, side), batch.tolist(), strict=True):
        edges = [int(values[index]) for values in (boxes.top, boxes.left, boxes.height, boxes.width)]
        whole = images[index].permute(2, 0, 1).float()
        expected = tv.resized_crop(whole, *edges, [side, side], antialias=True)
        expected = expected.flip(2) if boxes.mirrored[index] else expected
        torch.testing.assert_close(taken, expected, atol=2e-3, rtol=0)


def test_both_ways_of_facing_are_met() -> None:
    mirrored = draw_boxes(pixels(4000), 0, 0).mirrored
    assert abs(mirrored.sum().item() - 2000) < 4 * math.sqrt(1000)


def test_a_box_that_is_the_image_changes_nothing() -> None:
    images = pixels(5)
    zero, whole = torch.zeros(5, dtype=torch.int64), torch.full((5,), 32)
    taken = cut_boxes(images, Boxes(zero, zero, whole, whole, zero), torch.arange(5), 32)
    torch.testing.assert_close(taken, images.permute(0, 3, 1, 2).float())


def test_boxes_lie_inside_with_torchvisions_areas_and_aspects() -> None:
    side = 1000  # so large that rounding to pixels does not show
    boxes = draw_boxes(torch.zeros(4000, 1, 1, 1, dtype=torch.uint8).expand(-1, side, side, -1), seed=0, epoch=0)
    assert bool((boxes.top >= 0).all() and (boxes.left >= 0).all())
    assert bool((boxes.top + boxes.height <= side).all() and (boxes.left + boxes.width <= side).all())
    torch.manual_seed(0)
    image = torch.zeros(1, side, side)
    params = [RandomResizedCrop(8).make_params([image]) for _ in range(3000)]
    theirs = {
        name: np.array([each[name] for each in params], dtype=float) for name in ("top", "left", "height", "width")
    }
    ours = {name: getattr(boxes, name).double().numpy() for name in theirs}
    for name, values in theirs.items():
        assert kstest(ours[name], values).pvalue > 1e-3, name
    areas = ours["height"] * ours["width"] / side**2
    aspects = ours["width"] / ours["height"]
    assert (areas.min(), areas.max()) == pytest.approx((0.08, 1.0), abs=0.02)
    assert (aspects.min(), aspects.max()) == pytest.approx((3 / 4, 4 / 3), abs=0.01)


@pytest.mark.parametrize(("height", "width", "box"), [(5, 200, (5, 7)), (200, 5, (7, 5))])
def test_an_image_that_no_box_fits_is_cut_at_its_centre(height: int, width: int, box: tuple[int, int]) -> None:
    # 8 % of a strip of 5 x 200 are 80 pixels; a box 5 high has an aspect of 4/3 at most, which makes 33.
    boxes = draw_boxes(pixels(20, height, width), 0, 0)
    torch.manual_seed(0)
    theirs = RandomResizedCrop(8).make_params([torch.zeros(1, height, width)])
    assert (theirs["height"], theirs["width"]) == box
    for name in ("top", "left", "height", "width"):
        assert set(getattr(boxes, name).tolist()) == {theirs[name]}


def test_an_image_is_cut_alike_whatever_its_batch_and_set() -> None:
    images = pixels(30)
    boxes, small = draw_boxes(images, 3, 1), draw_boxes(images[:12], 3, 1)
    for name in ("top", "left", "height", "width", "mirrored"):
        assert torch.equal(getattr(boxes, name)[:12], getattr(small, name))
    alone = torch.cat([cut_boxes(images, boxes, torch.tensor([index]), 16) for index in range(30)])
    shuffled = torch.from_numpy(np.random.default_rng(2).permutation(30))
    torch.testing.assert_close(cut_boxes(images, boxes, shuffled, 16), alone[shuffled], atol=1e-3, rtol=0)


def test_draws_are_addressed_by_seed_and_epoch() -> None:
    images = pixels(100)
    drawn = [draw_boxes(images, seed, epoch).left for seed in (0, 1) for epoch in (0, 1)]
    assert torch.equal(drawn[0], draw_boxes(images, 0, 0).left)
    assert all((drawn[one] != drawn[two]).any() for one in range(4) for two in range(one))
