"""The latency of a network beside that of another, while a machine does other things too: what a search goes by."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ablate.measure.clock import call_seconds
from ablate.measure.subject import subject_of
from ablate.schema import Mode

ROUNDS = 10


def latencies_ms(
    model: Mapping[str, Any], other: Mapping[str, Any], batch: int, mode: Mode, device: torch.device
) -> tuple[float, float]:
    """Medians over forward passes, fp32, of `model` and of `other`, which take turns.

    Whatever else runs on the machine slows both, so that the ratio is worth more than either.
    """
    calls = [subject_of(each, device).forward(batch, mode) for each in (model, other)]
    taken: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for samples, call in zip(taken, calls, strict=True):
            samples += call_seconds(call, device)
    own, others = (1e3 * float(np.median(samples)) for samples in taken)
    return own, others
