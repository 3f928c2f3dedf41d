"""Training images that stay on disk: read batch by batch, ahead of the step that needs them.

What memory cannot hold is decoded once into a file (data/decoded.py), so that an epoch reads pixels, not pictures, and
whatever is done to an image is done on the device by the batch, as with images that lie there: the same bits come out.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ablate.train.augmentation import Augmentation, Source, margin_of, source

READ_AHEAD = 4  # batches
# What is forked reads at once; elsewhere it would import torch first, in every epoch.
FORK = "fork" if sys.platform == "linux" else None
BLOCK = 4096  # images of a pass over all of them


@dataclass(frozen=True)
class Stored:
    """The images at `places` of `images`, uint8 (n, channels, height, width) on disk, for training on `device`."""

    images: NDArray[np.uint8]
    places: NDArray[np.int64]
    kind: Augmentation
    device: torch.device

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """As of a `Source` with these images."""
        channels, height, width = self.images.shape[1:]
        border = 2 * margin_of(self.kind)
        return len(self.places), height + border, width + border, channels

    def batches(self, batches: Sequence[Tensor]) -> Iterator[Source]:
        """For each batch of places in this set, its images ready to be cut from, on the device."""
        loader = DataLoader(
            _Rows(self.images, self.places),
            sampler=[batch.cpu().numpy() for batch in batches],
            batch_size=None,
            num_workers=1,
            multiprocessing_context=FORK,
            prefetch_factor=READ_AHEAD,
            pin_memory=self.device.type == "cuda",
        )
        for images in loader:
            yield source(images.to(self.device, non_blocking=True), self.kind)


class _Rows(Dataset[Tensor]):
    """Whole batches of images, by their places in a subset."""

    def __init__(self, images: NDArray[np.uint8], places: NDArray[np.int64]) -> None:
        self._images, self._places = images, places

    def __getitem__(self, batch: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._images[self._places[batch]])


def blocks(images: NDArray[np.uint8], places: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """The images at `places`, some thousands at a time."""
    for first in range(0, len(places), BLOCK):
        yield images[places[first : first + BLOCK]]
