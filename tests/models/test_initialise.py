"""Initial weights: addressed by (seed, path, shape), of the scale that the papers give."""

import math
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from ablate.models import PRESETS, build
from ablate.models.downsample import SpaceToDepthConv
from ablate.models.initialise import initialise
from ablate.models.spec import CHOICES

SMALL = {"width": 0.125, "middle_depth": 1}


def weights(preset: str, seed: int = 0, **fields: Any) -> dict[str, torch.Tensor]:
    return dict(build(preset, seed=seed, **{**SMALL, **fields}).named_parameters())


VARIANTS: list[dict[str, Any]] = [
    {name: value} for name, values in CHOICES.items() if name != "init" for value in values
] + [{"middle_depth": 3}, {"middle_depth": 0}, {"segments": 4}, {"bias": True}, {"dropout": 0.5}, {"num_classes": 7}]


@pytest.mark.parametrize("preset", PRESETS)
def test_layers_that_two_variants_share_start_alike(preset: str) -> None:
    base = weights(preset)
    for fields in VARIANTS:
        if preset == "xception_guide" and "full_pre" in fields.values():
            continue  # refused beside its BN behind the sum
        other = weights(preset, **fields)
        shared = [path for path in base.keys() & other.keys() if base[path].shape == other[path].shape]
        assert len(shared) > 20
        assert [path for path in shared if not torch.equal(base[path], other[path])] == []


def test_every_seed_draws_other_weights() -> None:
    first, second = weights("mini_xception", seed=0), weights("mini_xception", seed=1)
    drawn = [path for path in first if first[path].dim() > 1]
    assert len(drawn) > 20
    assert all((first[path] != second[path]).float().mean() > 0.99 for path in drawn)


def test_a_seed_draws_the_same_weights_again() -> None:
    first, second = weights("mini_xception", seed=5), weights("mini_xception", seed=5)
    assert all(torch.equal(first[path], second[path]) for path in first)


def test_layers_of_one_shape_differ_among_themselves() -> None:
    drawn = weights("mini_xception", middle_depth=3)
    twins = [drawn[f"middle.{block}.sep{sep}.pointwise.weight"] for block in range(3) for sep in (1, 2, 3)]
    correlations = torch.corrcoef(torch.stack([twin.flatten() for twin in twins])) - torch.eye(9)
    assert correlations.abs().max() < 6 / math.sqrt(twins[0].numel())


# Module, deviation under fan_in, under fan_out, as He et al. 2015 have them: sqrt(2 / fan).
SCALES: dict[str, tuple[nn.Module, float, float]] = {
    "convolution": (nn.Conv2d(32, 64, 3), math.sqrt(2 / (32 * 9)), math.sqrt(2 / (64 * 9))),
    "grouped": (nn.Conv2d(64, 128, 3, groups=4), math.sqrt(2 / (16 * 9)), math.sqrt(2 / (32 * 9))),
    "depthwise": (nn.Conv2d(512, 512, 3, groups=512), math.sqrt(2 / 9), math.sqrt(2 / 9)),
    "pointwise": (nn.Conv2d(64, 256, 1), math.sqrt(2 / 64), math.sqrt(2 / 256)),
    # The scale of the 2k x 2k convolution with stride 2 that it stands for.
    "space to depth": (SpaceToDepthConv(32, 3), math.sqrt(2 / (32 * 36)), math.sqrt(2 / (32 * 36))),
    "space to depth 1x1": (SpaceToDepthConv(64, 1), math.sqrt(2 / (64 * 4)), math.sqrt(2 / (64 * 4))),
    "linear": (nn.Linear(128, 100), math.sqrt(1 / 128), math.sqrt(1 / 128)),
}


@pytest.mark.parametrize("init", ["fan_in", "fan_out"])
@pytest.mark.parametrize("kind", SCALES)
def test_the_scale_follows_the_fan(kind: str, init: str) -> None:
    module, fan_in, fan_out = SCALES[kind]
    network = nn.Sequential(OrderedDict(layer=module))
    initialise(network, 0, init)  # type: ignore[arg-type]
    weight = module.get_parameter("weight").double()
    std = fan_in if init == "fan_in" else fan_out
    # Four standard errors of a mean and of a deviation over as many normal draws.
    assert weight.mean().item() == pytest.approx(0, abs=4 * std / math.sqrt(weight.numel()))
    assert weight.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * weight.numel()))


def test_weights_are_normal() -> None:
    network = nn.Sequential(nn.Conv2d(64, 256, 3))
    initialise(network, 0, "fan_in")
    drawn = network.get_parameter("0.weight").detach().flatten()
    standard = drawn * math.sqrt(64 * 9 / 2)
    shares = [(standard.abs() < bound).double().mean().item() for bound in (1, 2, 3)]
    assert shares == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.006)


def test_biases_are_zero_and_norms_the_identity() -> None:
    network = build("mini_xception", **SMALL, bias=True)
    biases = [
        module.bias
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None
    ]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(biases) > 10
    assert all(not bias.any() for bias in biases)
    assert all((norm.weight == 1).all() and not norm.bias.any() for norm in norms)


def test_initialising_draws_nothing_from_torch() -> None:
    state = torch.random.get_rng_state()
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 2))
    torch.random.set_rng_state(state)
    initialise(network, 0, "fan_in")
    assert torch.equal(torch.random.get_rng_state(), state)
