"""From stored pixels to what the network is given: augmented in training, resized and cropped where asked, normalised.

Everything runs on the images' device and by the batch. A view is uint8 until it is normalised, as in the sources.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.train.augmentation import Draws, Source, cut, draw
from ablate.train.resized_crop import Boxes, cut_boxes, draw_boxes
from ablate.train.rotation import draw_angles, turned
from ablate.train.stored import Stored


@dataclass(frozen=True)
class Views:
    """One epoch's way of showing every image of `source`; `angles` in degrees (n,), `side` in pixels."""

    source: Source | Stored
    cuts: Draws | Boxes
    angles: Tensor | None
    side: int


def draw_views(source: Source | Stored, side: int, rotation_degrees: float | None, seed: int, epoch: int) -> Views:
    """The choices of `epoch`, for a network that takes images of `side` pixels."""
    resizes = source.kind == "resized_crop_flip"
    cuts = draw_boxes(source, seed, epoch) if resizes else draw(source, seed, epoch)
    if rotation_degrees is None:
        return Views(source, cuts, None, side)
    angles = draw_angles(source.shape[0], rotation_degrees, seed, epoch)
    return Views(source, cuts, angles.to(source.device), side)


def training_views(views: Views, batches: Sequence[Tensor]) -> Iterator[Tensor]:
    """For each batch of indices its images as the epoch shows them, uint8, channels last in memory.

    Each is (batch, channels, side, side).
    """
    if isinstance(views.source, Source):
        for indices in batches:
            yield _view(views, views.source, indices)
        return
    for indices, read in zip(batches, views.source.batches(batches), strict=True):
        angles = None if views.angles is None else views.angles[indices]
        alone = replace(views, cuts=views.cuts.of(indices), angles=angles)
        yield _view(alone, read, torch.arange(len(indices), device=read.device))


def _view(views: Views, source: Source, indices: Tensor) -> Tensor:
    """The images at `indices` of `source`, where `views` says what is done to them."""
    if isinstance(views.cuts, Boxes):
        images = _as_pixels(cut_boxes(source.pixels, views.cuts, indices, views.side))
    else:
        images = cut(source, views.cuts, indices)
    if views.angles is not None:
        images = turned(images, views.angles[indices])
    return resized(images, views.side)


def evaluation_view(images: Tensor, side: int, test_crop: float | None) -> Tensor:
    """Whole images resized to `side`, or the central `side` pixels of images resized to `side` / `test_crop`."""
    if test_crop is None:
        return resized(images, side)
    whole = resized(images, round(side / test_crop))
    first = round((whole.shape[2] - side) / 2)
    return whole[:, :, first : first + side, first : first + side]


def resized(images: Tensor, side: int) -> Tensor:
    """uint8 `images` (batch, channels, height, width) at `side` x `side`: bilinear, smoothed where that shrinks."""
    if images.shape[2:] == (side, side):
        return images
    shrinks = side < max(images.shape[2:])
    return _as_pixels(F.interpolate(images.float(), (side, side), mode="bilinear", antialias=shrinks))


def normalise(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 pixels (n, channels, height, width) to fp32 of zero mean and unit deviation; the memory layout is kept."""
    # Laid out like an image, so that a CPU need not fetch three numbers anew at every pixel.
    shift, scale = (values.expand(pixels[:1].shape).clone(memory_format=_layout(pixels)) for values in (mean, std))
    return pixels.float().div_(255).sub_(shift).div_(scale)


def _layout(images: Tensor) -> torch.memory_format:
    last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _as_pixels(values: Tensor) -> Tensor:
    return values.round_().to(torch.uint8).contiguous(memory_format=torch.channels_last)
