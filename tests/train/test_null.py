"""The null test: `spd` [1, 1] and `strided` [2, 2] are one function, so one seed gives them one training."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ablate.models import build
from ablate.schema import TrainConfig
from ablate.train.fit import fit
from ablate.train.sets import TrainingSet
from ablate.train.views import normalise

MakeData = Callable[..., TrainingSet]

pytestmark = pytest.mark.usefixtures("one_thread")

TWINS: dict[str, tuple[int, int]] = {"spd": (1, 1), "strided": (2, 2)}
STEPS = 20


def twin(name: str, seed: int, **fields: Any) -> nn.Module:
    kernel = TWINS[name]
    fields = {"width": 0.25, "middle_depth": 1, "num_classes": 4, **fields}
    return build("mini_xception", seed=seed, downsample=name, downsample_kernel=kernel, **fields)


def curve(network: nn.Module, data: TrainingSet, seed: int, lr: float = 0.05) -> list[float]:
    """The loss of every step: one batch an epoch, so that the curve has a point a step."""
    recipe = TrainConfig(epochs=STEPS, batch_size=64, lr=lr, precision="fp32")
    return [point.train_loss for point in fit(network, data, recipe, seed, lambda _: None).curve]


class Double(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images.double())
        return logits


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_twins_start_as_one_function(activation: str, make_data: MakeData) -> None:
    data = make_data(64)
    images = normalise(data.images.pixels.permute(0, 3, 1, 2), data.mean, data.std)
    first, second = (twin(name, 0, activation=activation)(images) for name in TWINS)
    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


# Rounding flips the gate of a ReLU whose input is next to zero, and such flips grow with the learning rate: at 0.1 the
# fp32 curves of ReLU networks part by 1e-2 within the twenty steps, at 0.001 they stay together.
@pytest.mark.parametrize("seed", [0, 1])
def test_twins_with_relu_train_alike_in_fp32_at_a_small_learning_rate(seed: int, make_data: MakeData) -> None:
    first, second = (curve(twin(name, seed), make_data(64), seed, lr=0.001) for name in TWINS)
    assert first == pytest.approx(second, abs=1e-3)
    assert max(first) - min(first) > 0.01  # ten times the tolerance


# A smooth activation has no gates.
@pytest.mark.parametrize("seed", [0, 1])
def test_smooth_twins_train_alike_in_fp32(seed: int, make_data: MakeData) -> None:
    first, second = (curve(twin(name, seed, activation="silu"), make_data(64), seed) for name in TWINS)
    assert len(first) == STEPS
    assert first == pytest.approx(second, abs=1e-3)
    assert first[0] - first[-1] > 0.1  # the curve moves, or equal curves would mean little


@pytest.mark.slow
def test_twins_with_relu_train_alike_in_double_precision(make_data: MakeData) -> None:
    first, second = (curve(Double(twin(name, 0, width=0.125)), make_data(64), 0) for name in TWINS)
    assert first == pytest.approx(second, abs=1e-6)
    assert first[0] - first[-1] > 0.1
