"""Joules for one image of inference at the largest batch size, by the board's own counter.

The counter is of the whole board and idle power is part of it. Where there is none the metric has no number: power
that is worked out from anything else would be an estimate.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch

from ablate import nvml
from ablate.measure.clock import synchronise
from ablate.measure.series import Series, Setting
from ablate.measure.subject import Subject

SECONDS_A_ROUND = 1.0  # the counter moves some ten times a second


def series(setting: Setting) -> list[Series]:
    counts = setting.device.startswith("cuda") and nvml.is_installed()
    return [Series("energy", "energy_joules", setting.largest)] if counts else []


def sample(subject: Subject, taken: Series) -> list[float]:
    """Joules an image, over about a second of calls in a row."""
    call, uuid = subject.forward(taken.batch), f"GPU-{torch.cuda.get_device_properties(subject.device).uuid}"
    synchronise(subject.device)
    calls, before, stop = 0, nvml.energy_millijoules(uuid), time.perf_counter() + SECONDS_A_ROUND
    while time.perf_counter() < stop:
        call()
        synchronise(subject.device)
        calls += 1
    return [(nvml.energy_millijoules(uuid) - before) / 1e3 / (calls * taken.batch)]


def measure(taken: Series, samples: list[float]) -> Iterator[tuple[str, float]]:
    """The median of the rounds."""
    yield taken.column, float(np.median(samples))
