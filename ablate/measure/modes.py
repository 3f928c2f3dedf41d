"""Ways to run a forward pass. To add one, write network and images -> call, and enter it in MODES."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ablate.errors import ModelError
from ablate.measure.clock import Call
from ablate.schema import Mode


def eager(network: nn.Module, images: Tensor) -> Call:
    """Operator by operator."""
    return lambda: network(images)


def compiled(network: nn.Module, images: Tensor) -> Call:
    """Through torch.compile with its default backend, compiled for this batch size at the first call."""
    faster = torch.compile(network, dynamic=False)
    return lambda: faster(images)


def cuda_graph(network: nn.Module, images: Tensor) -> Call:
    """One launch of a recorded graph of kernels; raises `ModelError` where there is no CUDA."""
    if images.device.type != "cuda":
        raise ModelError(f"cost.modes: cuda_graph needs a CUDA device, not {images.device}; leave it out here")
    stream = torch.cuda.Stream(images.device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(images.device))
    with torch.cuda.stream(stream):  # lazy initialisation must not be recorded
        for _ in range(3):
            network(images)
    torch.cuda.current_stream(images.device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        network(images)
    return graph.replay


MODES: dict[Mode, Callable[[nn.Module, Tensor], Call]] = {
    "eager": eager,
    "compiled": compiled,
    "cuda_graph": cuda_graph,
}
