"""Random resized crops by the batch (Szegedy et al. 2015, arXiv 1409.4842, section 6), drawn and cut as torchvision's
RandomResizedCrop with its defaults and a flip does, each image's from (seed, epoch, image)."""

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ablate.randomness import uniform
from ablate.train.augmentation import Images

AREA = (0.08, 1.0)  # of the box, as a share of the image's
ASPECT = (3 / 4, 4 / 3)  # of the box, width over height
TRIES = 10  # to draw a box that fits, before the central one is taken


@dataclass(frozen=True)
class Boxes:
    """One epoch's box in every image, in pixels, and whether what is cut out is mirrored; each int64 (n,)."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    mirrored: Tensor

    def of(self, indices: Tensor) -> "Boxes":
        """Those of the images at `indices`, in their order."""
        return Boxes(*(getattr(self, each.name)[indices] for each in fields(self)))


def draw_boxes(data: Images, seed: int, epoch: int) -> Boxes:
    """The boxes of `epoch` in the images of `data`, on their device."""
    count, height, width, _ = data.shape
    draws = uniform(count * (2 * TRIES + 3), "resized_crop", seed, epoch).reshape(count, -1)
    area = (AREA[0] + (AREA[1] - AREA[0]) * draws[:, :TRIES]) * height * width
    low, high = math.log(ASPECT[0]), math.log(ASPECT[1])
    aspect = np.exp(low + (high - low) * draws[:, TRIES : 2 * TRIES])
    tall, wide = np.rint(np.sqrt(area / aspect)), np.rint(np.sqrt(area * aspect))
    fits = (tall >= 1) & (tall <= height) & (wide >= 1) & (wide <= width)
    found, first = fits.any(axis=1), (np.arange(count), fits.argmax(axis=1))
    central = _central(height, width)
    rows = np.where(found, tall[first], central[0])
    columns = np.where(found, wide[first], central[1])
    top, left = (
        np.where(found, np.floor(share * (room + 1)), room // 2)
        for share, room in zip(draws[:, 2 * TRIES : 2 * TRIES + 2].T, (height - rows, width - columns), strict=True)
    )
    drawn = (top, left, rows, columns, draws[:, -1] < 0.5)
    return Boxes(*(torch.from_numpy(values.astype(np.int64)).to(data.device) for values in drawn))


def cut_boxes(pixels: Tensor, boxes: Boxes, indices: Tensor, side: int) -> Tensor:
    """What `boxes` cut out of the images at `indices` of `pixels` (n, height, width, channels), resized.

    Bilinear, smoothed where it shrinks: fp32 (batch, channels, side, side). A resized crop is linear in the rows and
    in the columns, so a batch with a box of its own for every image is two matrix products.
    """
    images = pixels[indices].permute(0, 3, 1, 2).float()
    rows = _resampling(boxes.top[indices], boxes.height[indices], images.shape[2], side)
    columns = _resampling(boxes.left[indices], boxes.width[indices], images.shape[3], side)
    columns = torch.where(boxes.mirrored[indices, None, None] == 1, columns.flip(1), columns)
    return rows[:, None] @ images @ columns.transpose(1, 2)[:, None]


def _resampling(start: Tensor, length: Tensor, size: int, side: int) -> Tensor:
    """Weights (batch, side, size) that resample pixels `start` to `start + length` of `size` to `side` pixels.

    A triangle around each target's centre, as wide as a target or a source pixel, whichever is larger.
    """
    scale = (length / side)[:, None, None]
    centres = start[:, None, None] + (torch.arange(side, device=start.device)[:, None] + 0.5) * scale
    places = torch.arange(size, device=start.device)
    weights = (1 - (places + 0.5 - centres).abs() / scale.clamp(min=1)).clamp(min=0)
    inside = (places >= start[:, None, None]) & (places < (start + length)[:, None, None])
    weights = weights * inside
    return weights / weights.sum(dim=2, keepdim=True)


def _central(height: int, width: int) -> tuple[int, int]:
    """Height and width of the largest central box whose aspect is allowed."""
    if width / height < ASPECT[0]:
        return round(width / ASPECT[0]), width
    if width / height > ASPECT[1]:
        return height, round(height * ASPECT[1])
    return height, width
