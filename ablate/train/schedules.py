"""Learning rate schedules: pure functions of the position, so that a trial can be continued from a step number alone.

Each takes the progress through training after warm-up, from 0 at the first step to 1 at the last, and gives the factor
on the peak learning rate.
"""

import math
from collections.abc import Callable


def one_cycle(progress: float) -> float:
    """Cosine up from 1/25 over the first 30 %, cosine down to 1/250,000 (Smith & Topin 2019; torch's OneCycleLR)."""
    start, end, rise = 1 / 25, 1 / 250_000, 0.3
    if progress <= rise:
        return _cosine(start, 1.0, progress / rise)
    return _cosine(1.0, end, (progress - rise) / (1 - rise))


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter 2017, without restarts)."""
    return _cosine(1.0, 0.0, progress)


def step(progress: float) -> float:
    """Divided by ten after one half and after three quarters (He et al. 2016, CIFAR-10)."""
    return 0.1 ** ((progress >= 0.5) + (progress >= 0.75))


def exponential(progress: float) -> float:
    """Geometric from 1 to 1/100."""
    return float(0.01**progress)


def constant(progress: float) -> float:
    """Always 1."""
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "one_cycle": one_cycle,
    "cosine": cosine,
    "step": step,
    "exponential": exponential,
    "constant": constant,
}


def factor(schedule: str, index: int, steps: int, warmup_steps: int) -> float:
    """Factor on the learning rate at step `index` of `steps`, the first `warmup_steps` of which rise linearly."""
    if index < warmup_steps:
        return (index + 1) / (warmup_steps + 1)
    return SCHEDULES[schedule]((index - warmup_steps) / max(1, steps - 1 - warmup_steps))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
