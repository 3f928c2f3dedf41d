"""Crops and flips by the batch: every image's come from (seed, epoch, image), whatever the batch it falls in."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from ablate.randomness import words

PADDING = 4  # pixels on each side, reflected, as usual for 32x32 images (He et al. 2016 pad with zeros)

Augmentation = Literal["crop_flip", "crop", "flip", "none", "resized_crop_flip"]


class Images(Protocol):
    """Training images, wherever they lie; `shape` is (n, height + 2 margin, width + 2 margin, channels)."""

    @property
    def kind(self) -> Augmentation: ...

    @property
    def shape(self) -> tuple[int, int, int, int]: ...

    @property
    def device(self) -> torch.device: ...


@dataclass(frozen=True)
class Source:
    """A training set ready to be cut from: uint8 (n, height + 2 margin, width + 2 margin, channels) on its device."""

    pixels: Tensor
    kind: Augmentation

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """That of the pixels."""
        count, height, width, channels = self.pixels.shape
        return count, height, width, channels

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    @property
    def margin(self) -> int:
        """Reflected pixels on each side."""
        return margin_of(self.kind)

    @property
    def flips(self) -> bool:
        """Whether images are mirrored at random."""
        return self.kind.endswith("flip")


@dataclass(frozen=True)
class Draws:
    """One epoch's choices for every image: top and left of the crop, and whether it is mirrored; each (n,)."""

    top: Tensor
    left: Tensor
    mirrored: Tensor

    def of(self, indices: Tensor) -> "Draws":
        """Those of the images at `indices`, in their order."""
        return Draws(self.top[indices], self.left[indices], self.mirrored[indices])


def margin_of(kind: Augmentation) -> int:
    """Pixels that `kind` reflects on each side of an image."""
    return PADDING if kind in ("crop_flip", "crop") else 0


def source(images: Tensor, kind: Augmentation) -> Source:
    """Lay out `images`, uint8 (n, channels, height, width), for cutting; the reflected border is made once."""
    margin = margin_of(kind)
    rows, columns = (_reflected(side, margin).to(images.device) for side in images.shape[2:])
    padded = images.permute(0, 2, 3, 1).contiguous()[:, rows][:, :, columns]
    return Source(padded, kind)


def draw(data: Images, seed: int, epoch: int) -> Draws:
    """The choices of `epoch`; an augmentation that does not crop or flip draws zeros."""
    raw = words(data.shape[0], "augmentation", seed, epoch)
    places = np.uint64(2 * margin_of(data.kind) + 1)
    top, left = raw % places, (raw >> np.uint64(20)) % places
    mirrored = (raw >> np.uint64(40)) & np.uint64(1 if data.kind.endswith("flip") else 0)
    return Draws(*(torch.from_numpy(draws.astype(np.int64)).to(data.device) for draws in (top, left, mirrored)))


def cut(data: Source, draws: Draws, indices: Tensor) -> Tensor:
    """The images at `indices` as `draws` has them: uint8 (batch, channels, height, width), channels last in memory."""
    high, wide, channels = data.pixels.shape[1:]
    height, width = high - 2 * data.margin, wide - 2 * data.margin
    device = data.pixels.device
    rows = draws.top[indices, None] + torch.arange(height, device=device)
    across = torch.arange(width, device=device)
    columns = draws.left[indices, None] + torch.where(draws.mirrored[indices, None] == 1, width - 1 - across, across)
    # Places in one long list of pixels: four times as fast on a CPU as an index a dimension.
    places = (indices[:, None] * high + rows)[:, :, None] * wide + columns[:, None, :]
    pixels = data.pixels.view(-1, channels).index_select(0, places.view(-1))
    return pixels.view(len(indices), height, width, channels).permute(0, 3, 1, 2)


def _reflected(side: int, margin: int) -> Tensor:
    """The source of every row of a side with `margin` reflected rows around it: 2 1 [0 1 2 ...]."""
    places = torch.arange(-margin, side + margin).abs()
    return side - 1 - (side - 1 - places).abs()
