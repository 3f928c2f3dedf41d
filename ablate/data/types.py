"""What a data set is to the rest of the program: facts about it, and its pixels in memory."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "test"]

Augment = Literal["crop_flip", "crop", "flip", "none"]


@dataclass(frozen=True)
class DataInfo:
    """Facts of a set, known without reading its images (`image_folder` counts its files).

    `train_images` is the whole training split, before any `train_limit`; `augment` is what `augment: auto` means here.
    """

    name: str
    classes: int
    image_size: int
    channels: int
    train_images: int
    test_images: int
    augment: Augment


@dataclass(frozen=True)
class Split:
    """One split in memory: images (n, channels, height, width) uint8, C-contiguous, and labels (n,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
