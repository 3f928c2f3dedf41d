"""MiB that one training step of SGD with momentum holds, at the largest batch size asked for.

On the CPU this is counted, not sampled: parameters, gradients, the optimizer's state, and what autograd saves for the
backward pass, every storage once. On CUDA the whole is the allocator's peak over one step, and that of inference stands
beside it. What a long-lived process happens to have resident says nothing of a network and is never used.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ablate.measure.clock import synchronise
from ablate.measure.series import Series, Setting
from ablate.measure.subject import Subject
from ablate.models.outputs import training_loss

MIB = 1024**2


def series(setting: Setting) -> list[Series]:
    columns = [f"memory_{part}_mib" for part in PARTS]
    whole = ["memory_mib", "memory_inference_mib"] if setting.device.startswith("cuda") else ["memory_mib"]
    return [Series("memory", column, setting.largest) for column in (*whole, *columns)]


def sample(subject: Subject, taken: Series) -> list[float]:
    """MiB, fp32."""
    return [_held(subject, taken) / MIB]


def measure(taken: Series, samples: list[float]) -> Iterator[tuple[str, float]]:
    """What was counted."""
    yield taken.column, max(samples)


def _held(subject: Subject, taken: Series) -> int:
    part = taken.column.removeprefix("memory_").removesuffix("_mib")
    if part in PARTS:
        return PARTS[part](subject, taken.batch)
    if subject.device.type == "cuda":
        images = taken.batch * math.prod(subject.image_shape) * torch.float32.itemsize
        if part == "inference":
            return _cuda_peak(subject, subject.forward(taken.batch), subject.parameter_bytes + images)
        momentum = _trained(subject, taken.batch)
        return _cuda_peak(subject, subject.training_step(taken.batch), subject.parameter_bytes + images + momentum)
    return sum(count(subject, taken.batch) for count in PARTS.values())


def _parameters(subject: Subject, batch: int) -> int:
    return subject.parameter_bytes


def _trained(subject: Subject, batch: int) -> int:
    """Of the gradients, or of SGD's momentum: each as large as what is trained."""
    return sum(parameter.nbytes for parameter in subject.network.parameters() if parameter.requires_grad)


def _activations(subject: Subject, batch: int) -> int:
    return saved_bytes(subject.network.train(), subject.images(batch))


PARTS: dict[str, Callable[[Subject, int], int]] = {
    "parameters": _parameters,
    "gradients": _trained,
    "optimizer": _trained,
    "activations": _activations,
}


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
        labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        loss, _ = training_loss(network(images), labels)
    total = sum(saved.values())  # counted while the graph is alive, or two storages could share an address
    del loss
    return total


def _cuda_peak(subject: Subject, call: Callable[[], object], own: int) -> int:
    """Peak bytes while `call` runs, without what others on the device hold; `own` is what the call has lying ready."""
    subject.rest()
    elsewhere = torch.cuda.memory_allocated(subject.device) - own
    torch.cuda.reset_peak_memory_stats(subject.device)
    call()
    synchronise(subject.device)
    peak = torch.cuda.max_memory_allocated(subject.device)
    subject.rest()
    return peak - elsewhere
