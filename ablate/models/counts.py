"""Parameters and multiply-adds, for a network and layer by layer.

MACs are torch's `FlopCounterMode` over a forward pass of one image, halved: that counter knows convolutions and matrix
products only and counts two a multiply-add. On every network built here it equals fvcore's convolution plus linear
count; normalisation, activations, pooling and additions are not in it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ablate.models.network import assemble
from ablate.models.spec import ModelSpec


@dataclass(frozen=True)
class Counts:
    """`params`: trainable parameters. `macs`: multiply-adds of one image of the spec's input size."""

    params: int
    macs: int


@dataclass(frozen=True)
class Layer:
    """One leaf module; `output_shape` without the batch axis."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    params: int
    macs: int


@lru_cache(maxsize=4096)
@torch.no_grad()
def count(spec: ModelSpec) -> Counts:
    """Counts of `spec`, taken on the meta device: nothing is computed and no memory used."""
    with torch.device("meta"):
        network = assemble(spec).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, spec.in_channels, spec.input_size, spec.input_size))
    return Counts(parameters(network), counter.get_total_flops() // 2)


def parameters(module: nn.Module) -> int:
    """Trainable parameters of `module`; running statistics are buffers and do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def layers(spec: ModelSpec) -> list[Layer]:
    """The leaf modules of `spec` in the order in which one image passes them; their counts sum to `count(spec)`."""
    rows: list[Layer] = []
    with torch.device("meta"):
        network = assemble(spec).eval()
        with FlopCounterMode(display=False) as counter:
            _record(network, rows, counter)
            network(torch.empty(1, spec.in_channels, spec.input_size, spec.input_size))
    return rows


def _record(network: nn.Module, rows: list[Layer], counter: FlopCounterMode) -> None:
    """Have every leaf of `network` add its row when it has run, with the multiply-adds counted since the row before."""
    counted = 0

    def hook_of(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            nonlocal counted
            macs = counter.get_total_flops() // 2 - counted
            counted += macs
            rows.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), parameters(module), macs))

        return hook

    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(hook_of(name))
