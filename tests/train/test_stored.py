"""Images that stay on disk: training and scoring see what they would see in memory, bit by bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.format import open_memmap

from ablate.data.types import Split
from ablate.models import build
from ablate.schema import TrainConfig
from ablate.train import sets
from ablate.train.augmentation import Augmentation
from ablate.train.fit import fit
from ablate.train.scoring import score
from ablate.train.sets import EvaluationSet, TrainingSet, evaluation_set, training_set
from ablate.train.stored import Stored
from ablate.train.views import draw_views, training_views

CPU = torch.device("cpu")
KINDS: tuple[Augmentation, ...] = ("crop_flip", "crop", "flip", "none", "resized_crop_flip")


@pytest.fixture
def splits(tmp_path: Path) -> tuple[Split, Split]:
    """60 images of 12 x 10 pixels in memory, and the same on disk."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (60, 3, 12, 10), dtype=np.uint8)
    labels = np.arange(60, dtype=np.int64) % 5
    stored = open_memmap(tmp_path / "pixels.npy", mode="w+", dtype=np.uint8, shape=images.shape)
    stored[:] = images
    stored.flush()
    return Split(images, labels), Split(np.load(tmp_path / "pixels.npy", mmap_mode="r"), labels)


SUBSET = np.arange(1, 60, 2)
HELD_OUT = np.arange(0, 60, 6)


def both(splits: tuple[Split, Split], kind: Augmentation = "crop_flip") -> tuple[TrainingSet, TrainingSet]:
    memory, disk = (training_set(split, SUBSET, kind, CPU, side=12, held_out=HELD_OUT) for split in splits)
    assert isinstance(disk.images, Stored)
    assert not isinstance(memory.images, Stored)
    return memory, disk


@pytest.mark.parametrize("degrees", [None, 15.0])
@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_shows_the_same_images(splits: tuple[Split, Split], kind: Augmentation, degrees: float | None) -> None:
    batches = [torch.tensor([7, 0, 29]), torch.tensor([3]), torch.tensor([11, 12])]
    shown = [
        list(training_views(draw_views(data.images, 12, degrees, seed=1, epoch=2), batches))
        for data in both(splits, kind)
    ]
    assert [images.shape[0] for images in shown[0]] == [3, 1, 2]
    for memory, disk in zip(*shown, strict=True):
        assert torch.equal(memory, disk)
        assert memory.stride() == disk.stride()


def test_statistics_and_what_is_held_out_are_the_same(
    splits: tuple[Split, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ablate.train.stored.BLOCK", 7)  # of 30 images: five blocks
    memory, disk = both(splits)
    pixels = splits[0].images[SUBSET] / 255
    np.testing.assert_allclose(disk.mean.flatten(), pixels.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(disk.std.flatten(), pixels.std((0, 2, 3)), rtol=1e-6)
    assert torch.equal(memory.mean, disk.mean)
    assert memory.validation is not None
    assert disk.validation is not None
    assert torch.equal(memory.validation.part(slice(0, 10)), disk.validation.part(slice(0, 10)))


@pytest.mark.parametrize("recipe", [{}, {"rotation_degrees": 10.0, "augment": "resized_crop_flip"}])
def test_training_and_scoring_end_with_the_same_bits(splits: tuple[Split, Split], recipe: dict[str, Any]) -> None:
    config = TrainConfig(epochs=2, batch_size=8, precision="fp32", **recipe)
    kind: Augmentation = recipe.get("augment", "crop_flip")
    ends = []
    for split, data in zip(splits, both(splits, kind), strict=True):
        network = build("mini_xception", width=0.0625, middle_depth=0, num_classes=5)
        fitted = fit(network, data, config, 3, lambda point: None)
        losses, hits = score(network, evaluation_set(split, CPU), data, config)
        ends.append((fitted.curve, losses, hits))
    assert ends[0][0] == ends[1][0]
    assert torch.equal(ends[0][1], ends[1][1])
    assert torch.equal(ends[0][2], ends[1][2])


def test_a_part_is_laid_out_as_in_memory(splits: tuple[Split, Split]) -> None:
    memory, disk = (evaluation_set(split, CPU) for split in splits)
    assert isinstance(disk.images, np.memmap)
    assert isinstance(memory, EvaluationSet)
    for places in (slice(0, 7), slice(56, 63)):
        assert torch.equal(memory.part(places), disk.part(places))
        assert disk.part(places).is_contiguous(memory_format=torch.channels_last)


def test_pixels_in_memory_are_not_mapped(splits: tuple[Split, Split]) -> None:
    assert sets.evaluation_set(splits[0], CPU).images.shape == (60, 3, 12, 10)
