"""Learning rate schedules: pure functions of the position and of the validation losses so far.

A smooth one takes the progress through training after warm-up, from 0 at the first step to 1 at the last, and gives
the factor on the peak learning rate. One that decays gives how often the rate has been multiplied by `decay_factor`;
it counts epochs and images from the start of training, warm-up included.
"""

import math
from collections.abc import Callable, Sequence

from ablate.schema import TrainConfig
from ablate.train.length import Length


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


def staircase(recipe: TrainConfig, length: Length, index: int, losses: Sequence[float]) -> int:
    """One more every `decay_epochs` epochs or `decay_images` images (TensorFlow's exponential_decay, staircase)."""
    if recipe.decay_images is not None:
        return index * recipe.batch_size // recipe.decay_images
    # A step that begins an epoch must not fall short of it by a rounding error.
    return math.floor(index / (length.steps_per_epoch * (recipe.decay_epochs or math.inf)) + 1e-9)


def milestones(recipe: TrainConfig, length: Length, index: int, losses: Sequence[float]) -> int:
    """One more after each of the epochs in `milestones` (torch's MultiStepLR)."""
    return sum(index >= epoch * length.steps_per_epoch for epoch in recipe.milestones or ())


def plateau(recipe: TrainConfig, length: Length, index: int, losses: Sequence[float]) -> int:
    """One more when over `patience_epochs` epochs on end had no lower loss, counted anew after each.

    Torch's ReduceLROnPlateau with a threshold of 0; `losses` are of validation, one an epoch.
    """
    lowest, waited, times = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = loss if loss < lowest else lowest
        if waited > (recipe.patience_epochs or math.inf):
            waited, times = 0, times + 1
    return times


DECAYS: dict[str, Callable[[TrainConfig, Length, int, Sequence[float]], int]] = {
    "staircase": staircase,
    "milestones": milestones,
    "plateau": plateau,
}


def factor(schedule: str, index: int, steps: int, warmup_steps: int) -> float:
    """Factor on the learning rate of a smooth schedule at step `index` of `steps`, after a linear warm-up."""
    if index < warmup_steps:
        return _warm(index, warmup_steps)
    return SCHEDULES[schedule]((index - warmup_steps) / max(1, steps - 1 - warmup_steps))


def learning_rate(recipe: TrainConfig, length: Length, index: int, losses: Sequence[float]) -> float:
    """Learning rate of step `index`, counted from 0; `losses` are those of validation after each epoch before it."""
    if recipe.schedule in SCHEDULES:
        return recipe.lr * factor(recipe.schedule, index, length.steps, length.warmup)
    times = DECAYS[recipe.schedule](recipe, length, index, losses)
    return recipe.lr * _warm(index, length.warmup) * (recipe.decay_factor or 1.0) ** times


def _warm(index: int, warmup_steps: int) -> float:
    """Rises linearly to 1 at the first step after `warmup_steps`, and stays there."""
    return min(1.0, (index + 1) / (warmup_steps + 1))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
