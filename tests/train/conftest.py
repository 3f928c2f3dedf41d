"""A small training set whose classes differ, and one thread, so that sums are taken in one order."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from ablate.data.types import Split
from ablate.randomness import words
from ablate.train.augmentation import Augmentation
from ablate.train.fit import TrainingSet
from ablate.train.sets import training_set

MakeData = Callable[..., TrainingSet]


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_data() -> MakeData:
    """`count` images of noise, 16x16, of four classes; class c has a darker part in one of its channels."""

    def make(count: int = 96, kind: Augmentation = "crop_flip") -> TrainingSet:
        images = words(count * 3 * 16 * 16 // 8, "test images").view(np.uint8).reshape(count, 3, 16, 16).copy()
        labels = np.arange(count) % 4
        for label in range(4):
            images[labels == label, label % 3, : 8 * (1 + label // 3)] //= 2
        return training_set(Split(images, labels), np.arange(count), kind, torch.device("cpu"))

    return make
