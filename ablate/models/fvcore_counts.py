"""The second opinion on multiply-adds: fvcore, which traces a real forward pass. The only fvcore importer."""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ablate.models.network import assemble
from ablate.models.spec import NetworkSpec

with warnings.catch_warnings():  # fvcore scripts a function of its own on import, which torch deprecates
    warnings.simplefilter("ignore", FutureWarning)
    from fvcore.nn import FlopCountAnalysis

# What fvcore calls the operators that multiply and add; its total holds BN and adaptive pooling beside them.
MAC_OPERATORS = ("conv", "linear", "addmm", "matmul", "bmm")


@dataclass(frozen=True)
class FvcoreCounts:
    """`total` is fvcore's own flops (one a multiply-add); `macs` is its convolutions and linear layers alone.

    `uncounted`: operator -> how often the network runs it, of those that fvcore has no formula for.
    """

    total: int
    macs: int
    uncounted: Mapping[str, int] = field(compare=False, default_factory=dict)


def fvcore_count(spec: NetworkSpec) -> FvcoreCounts:
    """Counts of one image in evaluation mode."""
    return fvcore_count_of(assemble(spec), torch.zeros(1, spec.in_channels, spec.input_size, spec.input_size))


def fvcore_count_of(network: nn.Module, images: Tensor) -> FvcoreCounts:
    """Counts of `images`, as one batch, through `network` in evaluation mode."""
    analysis = FlopCountAnalysis(network.eval(), images)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    logging.getLogger("torch.jit").setLevel(logging.ERROR)
    operators = analysis.by_operator()
    macs = int(sum(operators[name] for name in MAC_OPERATORS))
    return FvcoreCounts(int(analysis.total()), macs, dict(sorted(analysis.unsupported_ops().items())))
