"""The splits of a data set on the training device."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.types import Split
from ablate.train.augmentation import Augmentation, Source, source
from ablate.train.stored import Stored, blocks


@dataclass(frozen=True)
class EvaluationSet:
    """Images uint8 (n, channels, height, width), on the device or on disk, and labels (n,) on the device."""

    images: Tensor | NDArray[np.uint8]
    labels: Tensor

    def part(self, places: slice) -> Tensor:
        """The images at `places`, on the device."""
        if isinstance(self.images, Tensor):
            return self.images[places]
        read = torch.from_numpy(np.array(self.images[places]))
        return read.to(self.labels.device, memory_format=torch.channels_last)


@dataclass(frozen=True)
class TrainingSet:
    """The training subset on its device: what images are cut from, labels (n,), and its channels' mean and deviation.

    `mean` and `std` are of pixels in [0, 1], shape (1, channels, 1, 1). `side`: the pixels of a side that the network
    takes. `validation`: what is held out of the subset, if anything is.
    """

    images: Source | Stored
    labels: Tensor
    mean: Tensor
    std: Tensor
    side: int
    validation: EvaluationSet | None = None


def training_set(
    split: Split,
    subset: NDArray[np.int64],
    kind: Augmentation,
    device: torch.device,
    *,
    side: int | None = None,
    held_out: NDArray[np.int64] | None = None,
) -> TrainingSet:
    """The images of `split` at `subset`, to be augmented as `kind` says; mean and deviation are of these images.

    `side`, that of the images unless given, is what they are resized to; `held_out` are the images of validation.
    """
    mean, std = _channel_statistics(split.images, subset)
    return TrainingSet(
        images=_images(split, subset, kind, device),
        labels=torch.from_numpy(split.labels[subset]).to(device),
        mean=mean.to(device),
        std=std.to(device),
        side=split.images.shape[2] if side is None else side,
        validation=None if held_out is None or len(held_out) == 0 else _part(split, held_out, device),
    )


def _images(split: Split, subset: NDArray[np.int64], kind: Augmentation, device: torch.device) -> Source | Stored:
    """Ready on the device, unless the split has been left on disk."""
    if isinstance(split.images, np.memmap):
        return Stored(split.images, subset, kind, device)
    return source(torch.from_numpy(split.images[subset]).to(device), kind)


def _part(split: Split, indices: NDArray[np.int64], device: torch.device) -> EvaluationSet:
    return evaluation_set(Split(split.images[indices], split.labels[indices]), device)


def evaluation_set(split: Split, device: torch.device) -> EvaluationSet:
    """All of `split`; images that have been left on disk stay there."""
    labels = torch.from_numpy(split.labels).to(device)
    if isinstance(split.images, np.memmap):
        return EvaluationSet(split.images, labels)
    return EvaluationSet(torch.from_numpy(split.images).to(device, memory_format=torch.channels_last), labels)


def _channel_statistics(images: NDArray[np.uint8], places: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every channel of pixels in [0, 1], from exact sums; each (1, channels, 1, 1), fp32."""
    count = images[0, 0].size * len(places)
    total = np.zeros(images.shape[1], dtype=np.int64)
    squares = np.zeros(images.shape[1], dtype=np.int64)
    for block in blocks(images, places):
        total += block.sum(axis=(0, 2, 3), dtype=np.int64)
        squares += np.square(block, dtype=np.uint16).sum(axis=(0, 2, 3), dtype=np.int64)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 1.0))  # a constant channel must not be divided by zero
    return tuple(torch.from_numpy(values / 255).float().view(1, -1, 1, 1) for values in (mean, std))  # type: ignore[return-value]
