"""Initial weights, each drawn from (seed, module path, shape): layers that two variants share start alike.

Convolutions are Kaiming normal, std = sqrt(2 / fan) (He et al. 2015, arXiv 1502.01852), with the fan of one group. The
classifier is normal with std = sqrt(1 / fan_in), biases are zero, BN is the identity.
"""

import math

import torch
from torch import Tensor, nn

from ablate.models.downsample import SpaceToDepthConv, space_to_depth
from ablate.randomness import normal
from ablate.schema.choices import Init


@torch.no_grad()
def initialise(network: nn.Module, seed: int, init: Init) -> None:
    """Overwrite every weight of `network` in place; modules that are not convolution or linear keep their values."""
    for path, module in network.named_modules():
        if isinstance(module, SpaceToDepthConv):
            module.weight.copy_(space_to_depth(_draw(seed, path, module.dense_shape, _gain(module, init))))
        elif isinstance(module, nn.Conv2d):
            module.weight.copy_(_draw(seed, path, tuple(module.weight.shape), _gain(module, init)))
        elif isinstance(module, nn.Linear):
            module.weight.copy_(_draw(seed, path, tuple(module.weight.shape), 1 / math.sqrt(module.in_features)))
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            module.bias.zero_()


def _gain(conv: nn.Conv2d, init: Init) -> float:
    """Standard deviation of the weights; a space-to-depth convolution counts as the dense one that it rearranges."""
    out, _, height, width = conv.weight.shape
    if init == "fan_in":
        return math.sqrt(2 / conv.weight[0].numel())
    taps = 4 * height * width if isinstance(conv, SpaceToDepthConv) else height * width
    return math.sqrt(2 * conv.groups / (out * taps))


def _draw(seed: int, path: str, shape: tuple[int, ...], std: float) -> Tensor:
    numbers = normal(math.prod(shape), "initialisation", seed, path, str(shape))
    return torch.from_numpy(numbers).view(shape).mul_(std)
