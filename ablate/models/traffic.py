"""Multiply-adds and least memory traffic of one forward pass: fp32, evaluation mode, for a network and leaf by leaf.

The horizontal axis of Williams, Waterman and Patterson 2009, "Roofline: an insightful visual performance model for
multicore architectures" (CACM 52(4)): operations for each byte moved. The convention for the bytes is eager execution
without fusion. Every operator reads each of its inputs once, weights and statistics among them, and writes its outputs
once; a view moves nothing; an operator in place reads and writes the same memory. What a kernel reads again because no
cache holds it, or spares because one does, is not in it. Operations are those of `counts.py`: convolutions and matrix
products, two a multiply-add.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from ablate.models.counts import countable, forward
from ablate.models.spec import NetworkSpec, spec_from_json

# Operators that write memory whose content they do not read, and those that only reserve some.
OVERWRITING = ("copy_", "fill_", "zero_")
RESERVING = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")


@dataclass(frozen=True)
class Work:
    """`macs`: multiply-adds; `bytes_moved`: read and written. Both of the whole batch."""

    macs: int
    bytes_moved: int

    @property
    def flops(self) -> int:
        return 2 * self.macs

    def __add__(self, other: "Work") -> "Work":
        return Work(self.macs + other.macs, self.bytes_moved + other.bytes_moved)

    def __sub__(self, other: "Work") -> "Work":
        return Work(self.macs - other.macs, self.bytes_moved - other.bytes_moved)


NOTHING = Work(0, 0)


@dataclass(frozen=True)
class LeafWork:
    """One call of a leaf module; `output_shape` without the batch axis."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    work: Work


@dataclass(frozen=True)
class PassWork:
    """One forward pass: `total` is the sum of the `leaves`, in the order they run, and of what lies `outside` them."""

    total: Work
    leaves: tuple[LeafWork, ...]

    @property
    def outside(self) -> Work:
        """What additions, concatenations and pads between leaf modules take."""
        return self.total - sum((leaf.work for leaf in self.leaves), NOTHING)


def run(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The total work of every one of `variants` at each of `batch_sizes`, for the process that builds networks: JSON.

    Variant -> batch size -> `macs` and `bytes_moved`.
    """
    return {
        name: {str(batch): asdict(work_of_spec(spec_from_json(model), batch).total) for batch in task["batch_sizes"]}
        for name, model in task["variants"].items()
    }


def work_of_spec(spec: NetworkSpec, images: int) -> PassWork:
    """The work of a batch of `images`, in the layout in which passes are timed, channels last.

    Counted where `countable` says. Raises `ModelError` where the network cannot be built or cannot take its images.
    """
    network, batch = countable(spec, images)
    placed = network.to(memory_format=torch.channels_last)
    return work_of(placed, lambda: forward(spec, placed, batch.to(memory_format=torch.channels_last)))


@torch.no_grad()
def work_of(network: nn.Module, run: Callable[[], object]) -> PassWork:
    """The work of `run`, one forward pass of `network`, on any device, `meta` among them."""
    rows: list[LeafWork] = []
    network.eval()
    with FlopCounterMode(display=False) as counter, _Traffic() as traffic:

        def so_far() -> Work:
            return Work(counter.get_total_flops() // 2, traffic.bytes_moved)

        handles = list(_record(network, rows, so_far))
        try:
            run()
        finally:
            for handle in handles:
                handle.remove()
    return PassWork(so_far(), tuple(rows))


def leaves(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules without children, each once, by path."""
    return ((name, module) for name, module in network.named_modules() if not list(module.children()))


def _record(network: nn.Module, rows: list[LeafWork], so_far: Callable[[], Work]) -> Iterator[Any]:
    """Have every leaf add a row when it has run; yields what takes the hooks off again."""
    began: list[Work] = []

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            rows.append(LeafWork(name, type(module).__name__, shape_of(output), so_far() - began.pop()))

        return hook

    for name, module in leaves(network):
        yield module.register_forward_pre_hook(lambda module, inputs: began.append(so_far()))
        yield module.register_forward_hook(hook_of(name))


def shape_of(output: Any) -> tuple[int, ...]:
    """The shape of what a module gives, without the batch axis: of its first tensor, empty where it gives none."""
    first = next((each for each in tree_leaves(output) if isinstance(each, Tensor)), None)
    return () if first is None else tuple(first.shape[1:])


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the bytes of every operator that runs below it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes_moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        self.bytes_moved += _operator_bytes(func, (args, kwargs or {}), output)
        return output


def _operator_bytes(operator: Any, inputs: Any, output: Any) -> int:
    """Bytes that one call of `operator` reads and writes."""
    name = operator.overloadpacket.__name__
    if name in RESERVING or torch.Tag.inplace_view in operator.tags:
        return 0
    read, written = _distinct(inputs), _distinct(output)
    if name in OVERWRITING:
        written_ids = {id(tensor) for tensor in written}
        read = [tensor for tensor in read if id(tensor) not in written_ids]
    elif not operator._schema.is_mutable and _is_view(read, written):
        return 0
    if name == "native_batch_norm":
        written = written[:1]  # in evaluation mode there are no statistics to write, whatever the meta device says
    return sum(map(_bytes, read)) + sum(map(_bytes, written))


def _is_view(read: list[Tensor], written: list[Tensor]) -> bool:
    """Whether all that comes out is memory that went in."""
    known = {_storage(tensor) for tensor in read}
    return bool(written) and all(_storage(tensor) in known for tensor in written)


def _distinct(tree: Any) -> list[Tensor]:
    return list({id(each): each for each in tree_leaves(tree) if isinstance(each, Tensor)}.values())


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensor: Tensor) -> int:
    """Memory behind the elements of `tensor`: what is expanded along an axis lies there once."""
    return tensor.element_size() * math.prod(
        size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride or not size
    )
