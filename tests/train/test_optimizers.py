"""Which parameters decay, and what an update is."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from ablate.models import build
from ablate.schema import TrainConfig
from ablate.train.optimizers import OPTIMIZERS, optimizer_for


def recipe(**fields: Any) -> TrainConfig:
    return TrainConfig(**{"steps": 1, "lr": 0.1, "weight_decay": 0.01, **fields})


def test_every_optimizer_that_a_study_can_name_exists() -> None:
    assert set(OPTIMIZERS) == set(get_args(TrainConfig.model_fields["optimizer"].annotation))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_convolution_and_linear_weights_decay_and_nothing_else(name: str) -> None:
    network = build("mini_xception", width=0.125, middle_depth=1, bias=True)
    made = optimizer_for(network, recipe(optimizer=name))
    paths = {id(parameter): path for path, parameter in network.named_parameters()}
    decay = {
        paths[id(parameter)]: group["weight_decay"] for group in made.param_groups for parameter in group["params"]
    }
    assert set(decay) == set(paths.values())
    assert sum(len(group["params"]) for group in made.param_groups) == len(paths)
    # Convolution and linear weights have two axes or more; BN's and every bias have one.
    assert decay == {path: 0.01 if value.dim() > 1 else 0.0 for path, value in network.named_parameters()}
    assert {value for path, value in decay.items() if path.endswith("bias")} == {0.0}


def test_sgd_by_hand() -> None:
    layer = nn.Linear(1, 1)
    made = optimizer_for(layer, recipe(momentum=0.9))
    weight, bias = layer.weight.item(), layer.bias.item()
    velocity = np.zeros(2)
    for gradient in (1.0, -2.0, 0.5):
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient), torch.full((1,), gradient)
        made.step()
        velocity = 0.9 * velocity + np.array([gradient + 0.01 * weight, gradient])
        weight, bias = np.array([weight, bias]) - 0.1 * velocity
    assert (layer.weight.item(), layer.bias.item()) == pytest.approx((weight, bias), rel=1e-5)


def test_adamw_by_hand() -> None:
    layer = nn.Linear(1, 1)
    made = optimizer_for(layer, recipe(optimizer="adamw", lr=0.01, weight_decay=0.1))
    weight, bias = layer.weight.item(), layer.bias.item()
    layer.weight.grad, layer.bias.grad = torch.full((1, 1), 3.0), torch.full((1,), -3.0)
    made.step()
    # At the first step the bias-corrected ratio of the moments is the gradient's sign.
    expected = (weight * (1 - 0.01 * 0.1) - 0.01, bias + 0.01)
    assert (layer.weight.item(), layer.bias.item()) == pytest.approx(expected, abs=1e-6)


def test_adam_adds_its_weight_decay_to_the_gradient() -> None:
    layer = nn.Linear(1, 1)
    made = optimizer_for(layer, recipe(optimizer="adam", lr=0.01, weight_decay=2.0))
    weight, bias = layer.weight.item(), layer.bias.item()
    moments = np.zeros((2, 2))
    for step, gradient in enumerate((1.0, -3.0, 0.5), start=1):
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient), torch.full((1,), gradient)
        made.step()
        slope = np.array([gradient + 2.0 * weight, gradient])
        moments = np.array([0.9, 0.999])[:, None] * moments + np.array([0.1, 0.001])[:, None] * [slope, slope**2]
        first, second = moments[0] / (1 - 0.9**step), moments[1] / (1 - 0.999**step)
        weight, bias = np.array([weight, bias]) - 0.01 * first / (np.sqrt(second) + 1e-8)
    assert (layer.weight.item(), layer.bias.item()) == pytest.approx((weight, bias), abs=1e-5)


def test_rmsprop_by_hand() -> None:
    layer = nn.Linear(1, 1)
    made = optimizer_for(layer, recipe(optimizer="rmsprop", lr=0.01, momentum=0.8, weight_decay=0.1))
    weight, bias = layer.weight.item(), layer.bias.item()
    square, velocity = np.zeros(2), np.zeros(2)
    for gradient in (1.0, -3.0, 0.5):
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient), torch.full((1,), gradient)
        made.step()
        slope = np.array([gradient + 0.1 * weight, gradient])
        square = 0.9 * square + 0.1 * slope**2
        velocity = 0.8 * velocity + slope / (np.sqrt(square) + 1e-8)
        weight, bias = np.array([weight, bias]) - 0.01 * velocity
    assert (layer.weight.item(), layer.bias.item()) == pytest.approx((weight, bias), abs=1e-5)


def test_sgd_does_not_look_ahead() -> None:
    made = optimizer_for(nn.Linear(1, 1), recipe(momentum=0.8))
    assert {(group["momentum"], group["nesterov"], group["dampening"]) for group in made.param_groups} == {
        (0.8, False, 0)
    }
