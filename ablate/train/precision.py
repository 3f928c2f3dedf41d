"""Arithmetic of a forward pass: fp32, or bf16 autocast over fp32 weights.

Under autocast convolutions run in bf16. BN keeps fp32 parameters, statistics and arithmetic; the last linear layer runs
in fp32, so that logits and loss, in training and in evaluation, are fp32.
"""

from contextlib import AbstractContextManager
from functools import partial
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Precision = Literal["fp32", "bf16"]


def arithmetic(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which forward passes run."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def settled(precision: str) -> Precision:
    """`precision` of a recipe whose `auto` has been decided; an undecided one is a mistake in this program."""
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision {precision!r} has to be decided before training starts")
    return cast(Precision, precision)


def keep_logits_fp32(network: nn.Module) -> None:
    """Make the last linear layer of `network` compute in fp32 whatever autocast says."""
    linears = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if linears:
        linears[-1].forward = partial(_linear_fp32, linears[-1])  # type: ignore[method-assign]


def _linear_fp32(linear: nn.Linear, features: Tensor) -> Tensor:
    with torch.autocast(features.device.type, enabled=False):
        return F.linear(features.float(), linear.weight, linear.bias)
