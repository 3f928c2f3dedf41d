"""MiB that one training step of SGD with momentum holds, at the largest batch size asked for.

On the CPU this is counted, not sampled: parameters, gradients and momentum, and what autograd saves for the backward
pass, every storage once. On CUDA it is the allocator's peak over one step.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablate.measure.subject import Round, Subject, synchronise

MIB = 1024**2


def sample(subject: Subject) -> Round:
    """Bytes held by one step, fp32."""
    images = subject.images(max(subject.batch_sizes))
    held = _cuda_peak if subject.device.type == "cuda" else _counted
    return {"bytes": [float(held(subject, images))]}


def measure(rounds: list[Round]) -> Iterator[tuple[str, float]]:
    """The largest of the rounds, which on a CPU are all equal."""
    yield "memory_mib", max(taken["bytes"][0] for taken in rounds) / MIB


def _counted(subject: Subject, images: Tensor) -> int:
    # Gradients and momentum are each as large as the parameters.
    parameters = sum(parameter.nbytes for parameter in subject.network.parameters())
    return 3 * parameters + saved_bytes(subject.network.train(), images)


def saved_bytes(network: nn.Module, images: Tensor) -> int:
    """Bytes that autograd keeps between the forward and the backward pass, weights apart, each storage once."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(images)
        loss = F.cross_entropy(logits, torch.zeros(len(images), dtype=torch.int64, device=images.device))
    total = sum(saved.values())  # counted while the graph is alive, or two storages could share an address
    del loss
    return total


def _cuda_peak(subject: Subject, images: Tensor) -> int:
    network, device = subject.network.train(), subject.device
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9)
    torch.cuda.reset_peak_memory_stats(device)
    F.cross_entropy(network(images), torch.zeros(len(images), dtype=torch.int64, device=device)).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    synchronise(device)
    peak = torch.cuda.max_memory_allocated(device)
    network.zero_grad(set_to_none=True)
    return peak
