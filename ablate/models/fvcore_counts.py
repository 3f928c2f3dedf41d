"""The second opinion on multiply-adds: fvcore, which traces a real forward pass. The only fvcore importer."""

import logging
import warnings
from dataclasses import dataclass

import torch

from ablate.models.network import assemble
from ablate.models.spec import NetworkSpec

with warnings.catch_warnings():  # fvcore scripts a function of its own on import, which torch deprecates
    warnings.simplefilter("ignore", FutureWarning)
    from fvcore.nn import FlopCountAnalysis

# What fvcore calls the operators that multiply and add; its total holds BN and adaptive pooling beside them.
MAC_OPERATORS = ("conv", "linear", "addmm", "matmul", "bmm")


@dataclass(frozen=True)
class FvcoreCounts:
    """`total` is fvcore's own flops (one a multiply-add); `macs` is its convolutions and linear layers alone."""

    total: int
    macs: int


def fvcore_count(spec: NetworkSpec) -> FvcoreCounts:
    """Counts of one image in evaluation mode."""
    network = assemble(spec).eval()
    analysis = FlopCountAnalysis(network, torch.zeros(1, spec.in_channels, spec.input_size, spec.input_size))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    logging.getLogger("torch.jit").setLevel(logging.ERROR)
    operators = analysis.by_operator()
    return FvcoreCounts(int(analysis.total()), int(sum(operators[name] for name in MAC_OPERATORS)))
