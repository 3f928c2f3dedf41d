"""How long a call takes on its device: one after another, many in a row, and when it has become steady.

On a CPU the clock is that of torch.utils.benchmark, read around every single call: its Timer would average calls of
under a millisecond in blocks of ten, which has no percentiles and hides what a busy machine does to a call. On CUDA
events on the stream take the time, with the device idle before every call.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils import benchmark

Call = Callable[[], object]

TURN_SECONDS = 0.05
LEAST_CALLS = 3
SLOW_SECONDS = 0.2  # a call that takes so long needs no other before it to fill the caches
STEADY_WINDOW = 5
STEADY_SHARE = 0.05
WARM_UP_SECONDS = 1.0


def synchronise(device: torch.device) -> None:
    """Wait for everything that was asked of `device`."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def call_seconds(call: Call, device: torch.device, budget_seconds: float = TURN_SECONDS) -> list[float]:
    """Seconds of single calls after an unrecorded one, until the budget is spent: at least three, a slow one once."""
    once = _ONCE[device.type]
    with _undisturbed():
        first = once(call, device)
        if first > SLOW_SECONDS:
            return [first]
        samples: list[float] = []
        stop = time.perf_counter() + budget_seconds
        while len(samples) < LEAST_CALLS or time.perf_counter() < stop:
            samples.append(once(call, device))
    return samples


def row_seconds(call: Call, device: torch.device, budget_seconds: float = TURN_SECONDS) -> float:
    """Seconds a call takes in a row of them that fills the budget, without a wait between one and the next."""
    with _undisturbed():
        alone = _ONCE[device.type](call, device)
        count = max(1, round(budget_seconds / alone))
        return _ONCE[device.type](lambda: [call() for _ in range(count)], device) / count


def warm_up(call: Call, device: torch.device) -> None:
    """Call until five calls in a row are, by their median, within 5 % of the five before, or a second has passed."""
    taken: list[float] = []
    while not _steady(taken) and sum(taken) < WARM_UP_SECONDS:
        taken.append(_ONCE[device.type](call, device))


def _steady(taken: list[float]) -> bool:
    if len(taken) < 2 * STEADY_WINDOW:
        return False
    before, now = np.median(np.reshape(taken[-2 * STEADY_WINDOW :], (2, STEADY_WINDOW)), axis=1)
    return bool(abs(now / before - 1) <= STEADY_SHARE)


def _on_cpu(call: Call, device: torch.device) -> float:
    started = benchmark.timer()
    call()
    return float(benchmark.timer() - started)


def _on_cuda(call: Call, device: torch.device) -> float:
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize(device)
    before.record()
    call()
    after.record()
    torch.cuda.synchronize(device)
    return float(before.elapsed_time(after)) / 1e3


_ONCE: dict[str, Callable[[Call, torch.device], float]] = {"cpu": _on_cpu, "cuda": _on_cuda}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without Python's garbage collection, as in `timeit`."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
