"""What the per-variant metrics measure: one network in place on its device, and how one call to it is timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Round = dict[str, list[float]]
"""One round of one metric on one variant: what was sampled, by a name such as the batch size."""


@dataclass(frozen=True)
class Subject:
    """A network and the shape (channels, height, width) of its images; `batch_sizes` in images."""

    network: nn.Module
    image_shape: tuple[int, int, int]
    batch_sizes: tuple[int, ...]
    device: torch.device

    def images(self, batch: int) -> Tensor:
        """Normal noise (batch, channels, height, width), fp32, channels last; the values do not matter to a clock."""
        generator = torch.Generator("cpu").manual_seed(0)
        noise = torch.randn((batch, *self.image_shape), generator=generator)
        return noise.to(self.device, memory_format=torch.channels_last)


def forward_seconds(subject: Subject, batch: int, budget_seconds: float) -> list[float]:
    """Seconds of single fp32 forward passes after two unrecorded ones, at least three, until the budget is spent."""
    network, images = subject.network.eval(), subject.images(batch)
    samples: list[float] = []
    with torch.inference_mode():
        for _ in range(2):
            network(images)
        stop = time.perf_counter() + budget_seconds
        while len(samples) < 3 or time.perf_counter() < stop:
            samples.append(_timed(lambda: network(images), subject.device))
    return samples


def _timed(call: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    started = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - started


def synchronise(device: torch.device) -> None:
    """Wait for everything that was asked of `device`."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
