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

from ablate.errors import ModelError
from ablate.models.network import assemble
from ablate.models.spec import BuilderSpec, ExternalSpec, NetworkSpec


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
def count(spec: NetworkSpec) -> Counts:
    """Counts of `spec`; presets are counted on the meta device, where nothing is computed and no memory used.

    Raises `ModelError` where the network cannot be built or cannot take images of its input size.
    """
    network, images = countable(spec)
    network.eval()
    return Counts(parameters(network), multiply_adds(lambda: forward(spec, network, images)))


def multiply_adds(run: Callable[[], object]) -> int:
    """Multiply-adds of the convolutions and matrix products that `run` calls, forward alone.

    What a backward pass takes is not asked of the counter: it forgets the groups of a convolution in the gradient of
    the weights and finds ten times the forward pass for a depthwise one with eight channels. Training takes three times
    the forward pass: forward, and for the gradients of inputs and of weights one product of its size each.
    """
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2


def countable(spec: NetworkSpec, images: int = 1) -> tuple[nn.Module, Tensor]:
    """The network of `spec` and a batch for it, both where counting is cheapest.

    A user's network stays on the CPU, since nothing says that it can do without values.
    """
    shape = (images, spec.in_channels, spec.input_size, spec.input_size)
    if isinstance(spec, BuilderSpec):
        return assemble(spec), torch.zeros(shape)
    return _on_meta(spec), torch.empty(shape, device="meta")


@torch.no_grad()
def macs_with_aux_heads(spec: NetworkSpec) -> int:
    """Multiply-adds of one image on its way through the network in training, where auxiliary heads take part.

    Raises `ModelError` where the images are too small for these, which `count` never reaches.
    """
    # Batch norm in training needs two values a channel, which at 1 x 1 two images have.
    network, images = countable(spec, images=2)
    network.train()
    return multiply_adds(lambda: forward(spec, network, images)) // len(images)


def forward(spec: NetworkSpec, network: nn.Module, images: Tensor) -> Tensor:
    """`network(images)`; raises `ModelError` that names the size where the images are too small for it."""
    try:
        return network(images)  # type: ignore[no-any-return]
    except Exception as error:
        message = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"model.input_size: {spec.preset} fails on images of {spec.input_size} x {spec.input_size} ({message}); "
            "state a larger input_size, to which images are then resized"
        ) from error


def _on_meta(spec: NetworkSpec) -> nn.Module:
    try:
        with torch.device("meta"):
            return assemble(spec)
    except (RuntimeError, NotImplementedError):
        # Some constructors compute with the values that they draw.
        if isinstance(spec, ExternalSpec):
            return assemble(spec).to("meta")
        raise


def parameters(module: nn.Module) -> int:
    """Trainable parameters of `module`; running statistics are buffers and do not count."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def layers(spec: NetworkSpec) -> list[Layer]:
    """The leaf modules of `spec` in the order in which one image passes them; their counts sum to `count(spec)`."""
    rows: list[Layer] = []
    network, images = countable(spec)
    with FlopCounterMode(display=False) as counter:
        _record(network.eval(), rows, counter)
        forward(spec, network, images)
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
