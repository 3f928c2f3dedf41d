"""The splits of a data set on the training device."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.types import Split
from ablate.train.augmentation import Augmentation, Source, source


@dataclass(frozen=True)
class EvaluationSet:
    """Images uint8 (n, channels, height, width) and labels (n,) on the device."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class TrainingSet:
    """The training subset on its device: what images are cut from, labels (n,), and its channels' mean and deviation.

    `mean` and `std` are of pixels in [0, 1], shape (1, channels, 1, 1). `side`: the pixels of a side that the network
    takes. `validation`: what is held out of the subset, if anything is.
    """

    images: Source
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
    images, labels = split.images[subset], split.labels[subset]
    mean, std = _channel_statistics(images)
    return TrainingSet(
        images=source(torch.from_numpy(images).to(device), kind),
        labels=torch.from_numpy(labels).to(device),
        mean=mean.to(device),
        std=std.to(device),
        side=images.shape[2] if side is None else side,
        validation=None if held_out is None or len(held_out) == 0 else _part(split, held_out, device),
    )


def _part(split: Split, indices: NDArray[np.int64], device: torch.device) -> EvaluationSet:
    return evaluation_set(Split(split.images[indices], split.labels[indices]), device)


def evaluation_set(split: Split, device: torch.device) -> EvaluationSet:
    """All of `split`."""
    images = torch.from_numpy(split.images).to(device, memory_format=torch.channels_last)
    return EvaluationSet(images, torch.from_numpy(split.labels).to(device))


def _channel_statistics(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every channel of pixels in [0, 1], from exact sums; each (1, channels, 1, 1), fp32."""
    count = images.size // images.shape[1]
    total = images.sum(axis=(0, 2, 3), dtype=np.int64)
    squares = np.square(images, dtype=np.uint16).sum(axis=(0, 2, 3), dtype=np.int64)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 1.0))  # a constant channel must not be divided by zero
    return tuple(torch.from_numpy(values / 255).float().view(1, -1, 1, 1) for values in (mean, std))  # type: ignore[return-value]
