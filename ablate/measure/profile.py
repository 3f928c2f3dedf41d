"""One network layer by layer: how long every leaf module takes in a forward pass. A worker calls `run` by name."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ablate.errors import ModelError
from ablate.measure.clock import Call, synchronise
from ablate.measure.subject import Subject
from ablate.models.network import initialised
from ablate.models.spec import NetworkSpec, spec_from_json
from ablate.models.traffic import PassWork, leaves, work_of_spec

BUDGET_SECONDS = 1.0
LEAST_PASSES, MOST_PASSES = 5, 200

Mark = Any  # a time on the clock of the device: seconds, or an event on the stream


@dataclass
class Timeline:
    """One pass: when it began and ended, and the same of every call of a leaf, in order."""

    began: Mark = None
    ended: Mark = None
    calls: list[tuple[str, Mark, Mark]] = field(default_factory=list)


def run(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Profile the `model` of `task` with a `batch` on a `device`: JSON.

    `layers`: a row a call of a leaf module; `outside`: what lies between them; both with `macs` and `bytes_moved` of
    the batch, and `milliseconds`, the median over `passes`. `hooked_ms` is that of the whole pass, which on a busy
    machine is more than the sum of the rows; `unhooked_ms` that of as many passes without hooks.
    """
    spec, batch, device = spec_from_json(task["model"]), task["batch"], torch.device(task["device"])
    shape = (spec.in_channels, spec.input_size, spec.input_size)
    subject = Subject(initialised(spec, seed=0), shape, device)
    work = work_of_spec(spec, batch)
    passes = list(_passes(subject, subject.forward(batch)))
    return {
        **rows_of(spec, work, [hooked for _, hooked in passes]),
        "passes": len(passes),
        "hooked_ms": float(np.median([hooked.total for _, hooked in passes])),
        "unhooked_ms": float(np.median([unhooked.total for unhooked, _ in passes])),
    }


@dataclass(frozen=True)
class Spans:
    """One pass in milliseconds: every call of a leaf by name, and the whole."""

    calls: tuple[tuple[str, float], ...]
    total: float

    @property
    def outside(self) -> float:
        return self.total - sum(taken for _, taken in self.calls)


def spans_of(timeline: Timeline, device: torch.device) -> Spans:
    """`timeline` in milliseconds, once the device has done all of it."""
    elapsed = _ELAPSED[device.type]
    calls = tuple((name, elapsed(began, ended)) for name, began, ended in timeline.calls)
    return Spans(calls, elapsed(timeline.began, timeline.ended))


def rows_of(spec: NetworkSpec, work: PassWork, passes: list[Spans]) -> dict[str, Any]:
    """The rows of `run`: medians over `passes` beside the work of the same calls.

    Raises `ModelError` where the passes called other layers than were counted.
    """
    counted = [leaf.name for leaf in work.leaves]
    if any([name for name, _ in each.calls] != counted for each in passes):
        raise ModelError(f"{spec.preset}: which of its layers run depends on the images, so it has no profile")
    taken = np.median([[milliseconds for _, milliseconds in each.calls] for each in passes], axis=0)
    outside = float(np.median([each.outside for each in passes]))
    return {
        "layers": [
            {
                "name": leaf.name,
                "type": leaf.type,
                "output_shape": list(leaf.output_shape),
                **asdict(leaf.work),
                "milliseconds": float(milliseconds),
            }
            for leaf, milliseconds in zip(work.leaves, taken, strict=True)
        ],
        "outside": {**asdict(work.outside), "milliseconds": outside},
    }


def _passes(subject: Subject, call: Call) -> Iterator[tuple[Spans, Spans]]:
    """Passes without and with hooks on every leaf, in turn, until the budget is spent; the first two are not kept."""
    device = subject.device
    stop, count = time.perf_counter() + BUDGET_SECONDS, -1
    while count < LEAST_PASSES or (count < MOST_PASSES and time.perf_counter() < stop):
        unhooked = _timed(call, Timeline(), device)
        timeline = Timeline()
        handles = list(_hooks(subject.network, timeline, _MARK[device.type]))
        try:
            hooked = _timed(call, timeline, device)
        finally:
            for handle in handles:
                handle.remove()
        count += 1
        if count:
            yield unhooked, hooked


def _timed(call: Call, timeline: Timeline, device: torch.device) -> Spans:
    mark = _MARK[device.type]
    synchronise(device)
    timeline.began = mark()
    call()
    timeline.ended = mark()
    synchronise(device)
    return spans_of(timeline, device)


def _hooks(network: nn.Module, timeline: Timeline, mark: Callable[[], Mark]) -> Iterator[Any]:
    began: list[Mark] = []

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            ended = mark()
            timeline.calls.append((name, began.pop(), ended))

        return hook

    for name, module in leaves(network):
        yield module.register_forward_pre_hook(lambda module, inputs: began.append(mark()))
        yield module.register_forward_hook(hook_of(name))


def _event() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event


_MARK: dict[str, Callable[[], Mark]] = {"cpu": time.perf_counter, "cuda": _event}
_ELAPSED: dict[str, Callable[[Mark, Mark], float]] = {
    "cpu": lambda began, ended: 1e3 * float(ended - began),
    "cuda": lambda began, ended: float(began.elapsed_time(ended)),
}
