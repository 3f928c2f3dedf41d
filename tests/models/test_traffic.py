"""Bytes and multiply-adds of a forward pass, against formulas written down by hand."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from ablate.errors import ModelError
from ablate.models import resolve
from ablate.models.counts import count, layers
from ablate.models.traffic import NOTHING, Work, work_of, work_of_spec

FLOAT, INDEX = 4, 8
BATCH, CHANNELS, SIDE = 2, 6, 5
PIXELS = BATCH * SIDE * SIDE
MAP = FLOAT * CHANNELS * PIXELS
"""Bytes of a feature map of CHANNELS."""


class Calls(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, features: Tensor) -> Tensor:
        return self.function(features)  # type: ignore[no-any-return, operator]


def total(module: nn.Module, device: str = "meta", layout: torch.memory_format = torch.contiguous_format) -> Work:
    network = deepcopy(module).to(device)
    images = torch.zeros(BATCH, CHANNELS, SIDE, SIDE, device=device).to(memory_format=layout)
    return work_of(network, lambda: network(images)).total


ONE_OPERATOR = {
    # Weights c_in c_out and biases c_out, each once; a map in, a map out.
    "a pointwise convolution": (
        nn.Conv2d(CHANNELS, 10, 1),
        CHANNELS * 10 * PIXELS,
        MAP + FLOAT * (10 * PIXELS + CHANNELS * 10 + 10),
    ),
    "a depthwise convolution": (
        nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS, bias=False),
        9 * CHANNELS * PIXELS,
        2 * MAP + FLOAT * 9 * CHANNELS,
    ),
    # Scale, shift, running mean and running variance of every channel are read, no statistics written.
    "a batch norm": (nn.BatchNorm2d(CHANNELS), 0, 2 * MAP + FLOAT * 4 * CHANNELS),
    "a ReLU": (nn.ReLU(), 0, 2 * MAP),
    "a ReLU in place": (nn.ReLU(inplace=True), 0, 2 * MAP),
    "an addition": (Calls(lambda x: x + torch.empty_like(x)), 0, 3 * MAP),
    "a tensor added to itself, which is read once": (Calls(lambda x: x + x), 0, 2 * MAP),
    "a concatenation": (Calls(lambda x: torch.cat([x, torch.empty_like(x)], 1)), 0, 4 * MAP),
    "a flattening, which is a view": (nn.Flatten(), 0, 0),
    "a transposition, which is one too": (Calls(lambda x: x.transpose(1, 2)), 0, 0),
    "nothing": (nn.Identity(), 0, 0),
    "a copy": (Calls(torch.clone), 0, 2 * MAP),
    "one written over another, which is not read": (Calls(lambda x: torch.empty_like(x).copy_(x)), 0, 2 * MAP),
    "zeros": (Calls(lambda x: torch.empty_like(x).zero_()), 0, MAP),
    # One value a channel stands for all pixels: it lies in memory once.
    "what is expanded": (Calls(lambda x: x + x[:, :, :1, :1].expand_as(x)), 0, 2 * MAP + FLOAT * BATCH * CHANNELS),
    # torch writes the places of the maxima too, 8 bytes each.
    "max pooling": (nn.MaxPool2d(5), 0, MAP + (FLOAT + INDEX) * BATCH * CHANNELS),
    "zero padding": (nn.ZeroPad2d((0, 1, 0, 1)), 0, MAP + FLOAT * BATCH * CHANNELS * (SIDE + 1) ** 2),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("operator", ONE_OPERATOR)
def test_one_operator_by_hand(operator: str, device: str, layout: torch.memory_format) -> None:
    module, macs, moved = ONE_OPERATOR[operator]
    if isinstance(module, nn.Flatten) and layout is torch.channels_last:
        moved = 2 * MAP  # pixels lie before channels, so flattening copies
    assert total(module, device, layout) == Work(macs, moved)


@pytest.mark.parametrize(("bias", "biases"), [(True, 10), (False, 0)])
def test_a_linear_layer_by_hand(bias: bool, biases: int) -> None:
    network = nn.Linear(CHANNELS, 10, bias=bias)
    images = torch.zeros(BATCH, CHANNELS)
    moved = FLOAT * (BATCH * CHANNELS + BATCH * 10 + CHANNELS * 10 + biases)
    assert work_of(network, lambda: network(images)).total == Work(BATCH * CHANNELS * 10, moved)


class Residual(nn.Module):
    """A shared ReLU on either side of an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)
        self.act = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        return self.act(self.act(self.conv(features)) + features)  # type: ignore[no-any-return]


def test_leaves_have_a_row_a_call_and_the_addition_lies_outside() -> None:
    network = Residual()
    images = torch.zeros(BATCH, CHANNELS, SIDE, SIDE)
    passed = work_of(network, lambda: network(images))
    conv = Work(CHANNELS**2 * PIXELS, 2 * MAP + FLOAT * CHANNELS**2)
    assert [(leaf.name, leaf.type, leaf.work) for leaf in passed.leaves] == [
        ("conv", "Conv2d", conv),
        ("act", "ReLU", Work(0, 2 * MAP)),
        ("act", "ReLU", Work(0, 2 * MAP)),
    ]
    assert {leaf.output_shape for leaf in passed.leaves} == {(CHANNELS, SIDE, SIDE)}
    assert passed.outside == Work(0, 3 * MAP)
    assert passed.total == conv + Work(0, 7 * MAP)
    assert not network.act._forward_hooks
    assert not network.act._forward_pre_hooks


SPECS = {
    "mini_xception": {"width": 0.125, "downsample": "spd"},
    "mobilenet_v1": {"width": 0.25, "input_size": 64},
    "xception": {"width": 0.125, "downsample": "blurpool", "residual": "none", "input_size": 64},
    "torchvision/resnet18": {"input_size": 64},
}


@pytest.mark.parametrize("preset", SPECS)
def test_a_batch_moves_its_activations_as_often_and_its_weights_once(preset: str) -> None:
    spec = resolve(preset, SPECS[preset])
    one, two, five = (work_of_spec(spec, images).total for images in (1, 2, 5))
    activations = two.bytes_moved - one.bytes_moved
    weights = one.bytes_moved - activations
    assert five == Work(5 * one.macs, weights + 5 * activations)
    # Trainable parameters, and a running mean and variance for each pair of a norm's scale and shift.
    norms = sum(layer.params for layer in layers(spec) if layer.type == "BatchNorm2d")
    filters = weights - FLOAT * (count(spec).params + norms)
    assert filters == 0 or preset == "xception"  # blur pooling has filters that are not trained


@pytest.mark.parametrize("preset", SPECS)
def test_multiply_adds_are_those_of_the_counts_row_by_row(preset: str) -> None:
    spec = resolve(preset, SPECS[preset])
    passed = work_of_spec(spec, 3)
    assert passed.total.macs == 3 * count(spec).macs
    expected = [(layer.name, layer.type, layer.output_shape, 3 * layer.macs) for layer in layers(spec)]
    rows = [(leaf.name, leaf.type, leaf.output_shape, leaf.work.macs) for leaf in passed.leaves]
    assert passed.outside.macs == 0
    assert rows == expected
    assert sum((leaf.work for leaf in passed.leaves), NOTHING) + passed.outside == passed.total


def test_flops_are_two_a_multiply_add() -> None:
    assert Work(macs=21, bytes_moved=7).flops == 42


def test_images_that_are_too_small_are_named() -> None:
    with pytest.raises(ModelError, match="fails on images of 9 x 9"):
        work_of_spec(resolve("torchvision/inception_v3", {"input_size": 9}), 1)
