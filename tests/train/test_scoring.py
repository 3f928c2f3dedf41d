"""Scoring by the batch: nothing is lost between batches, and large images come in smaller ones."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ablate.data.types import Split
from ablate.schema import TrainConfig
from ablate.train.scoring import score
from ablate.train.sets import evaluation_set, training_set

CPU = torch.device("cpu")
RECIPE = TrainConfig(epochs=1, precision="fp32")


class Counting(nn.Module):
    """Scores by the mean pixel; notes the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        mean = images.mean((1, 2, 3))
        return torch.stack([mean, -mean], dim=1)


@pytest.mark.parametrize(
    ("side", "batches"), [(4, [500, 500, 20]), (96, [500, 500, 20]), (192, [125] * 8 + [20]), (480, [20] * 51)]
)
def test_batches_shrink_with_large_images(side: int, batches: list[int]) -> None:
    source = np.random.default_rng(0)
    split = Split(source.integers(0, 256, (1020, 1, 4, 4), dtype=np.uint8), source.integers(0, 2, 1020))
    network = Counting().train()
    data = training_set(split, np.arange(100), "none", CPU, side=side)
    losses, hits = score(network, evaluation_set(split, CPU), data, RECIPE)
    assert network.batches == batches
    assert not network.training
    assert (losses.shape, hits.shape) == ((1020,), (1020,))
    if side == 4:
        normal = (split.images.astype(np.float64) / 255 - data.mean.item()) / data.std.item()
        mean = normal.mean(axis=(1, 2, 3)) * np.where(split.labels == 0, 1, -1)
        np.testing.assert_allclose(losses.numpy(), np.log1p(np.exp(-2 * mean)), atol=1e-5)
        np.testing.assert_array_equal(hits.numpy(), mean > 0)


def test_the_central_part_is_looked_at_where_the_recipe_says_so() -> None:
    images = np.full((3, 1, 8, 8), 200, dtype=np.uint8)
    images[:, :, 2:6, 2:6] = 100
    split = Split(images, np.zeros(3, dtype=np.int64))
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            seen.append(given)
            return torch.zeros(len(given), 2)

    data = training_set(split, np.arange(3), "none", CPU, side=4)
    score(Spy(), evaluation_set(split, CPU), data, RECIPE.model_copy(update={"test_crop": 0.5}))
    torch.testing.assert_close(seen[0], ((100 / 255 - data.mean) / data.std).expand(3, 1, 4, 4))
