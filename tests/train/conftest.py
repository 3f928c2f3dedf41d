"""A small training set whose classes differ, and one thread, so that sums are taken in one order."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from ablate.data.types import Split
from ablate.randomness import words
from ablate.train.augmentation import Augmentation
from ablate.train.sets import TrainingSet, training_set

MakeData = Callable[..., TrainingSet]


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_data() -> MakeData:
    """`count` images of noise, 16x16, of four classes; class c has a darker part in one of its channels.

    `held_out` more are there for validation.
    """

    def make(count: int = 96, kind: Augmentation = "crop_flip", held_out: int = 0, side: int = 16) -> TrainingSet:
        total = count + held_out
        images = words(total * 3 * 16 * 16 // 8, "test images").view(np.uint8).reshape(total, 3, 16, 16).copy()
        labels = np.arange(total) % 4
        for label in range(4):
            images[labels == label, label % 3, : 8 * (1 + label // 3)] //= 2
        trained_on, validation = np.arange(count), np.arange(count, total)
        device = torch.device("cpu")
        return training_set(Split(images, labels), trained_on, kind, device, side=side, held_out=validation)

    return make
