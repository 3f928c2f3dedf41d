"""The training loop: linear, in memory, without a wait for the device inside an epoch."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablate.randomness import permutation, seed_of
from ablate.schema import TrainConfig
from ablate.train.augmentation import Source, cut, draw
from ablate.train.length import Length, length_of
from ablate.train.optimizers import optimizer_for
from ablate.train.precision import arithmetic, settled
from ablate.train.schedules import factor


@dataclass(frozen=True)
class TrainingSet:
    """The training subset on its device: what images are cut from, labels (n,), and its channels' mean and deviation.

    `mean` and `std` are of pixels in [0, 1], shape (1, channels, 1, 1).
    """

    images: Source
    labels: Tensor
    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class Point:
    """One epoch of a learning curve; loss and accuracy are of the training batches as they were met."""

    epoch: int
    train_loss: float
    train_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class Fitted:
    """What training left besides the weights; `seconds` covers the training steps alone."""

    curve: tuple[Point, ...]
    steps: int
    seconds: float
    state: Literal["complete", "diverged"]


@dataclass(frozen=True)
class _Run:
    """What stays the same over the epochs of one training."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    data: TrainingSet
    recipe: TrainConfig
    length: Length
    seed: int


def fit(
    network: nn.Module, data: TrainingSet, recipe: TrainConfig, seed: int, on_epoch: Callable[[Point], None]
) -> Fitted:
    """Train `network` in place. Every random number follows from `seed`, the epoch, the step and the image.

    A loss that is no longer finite at the end of an epoch ends the training with the state `diverged`.
    """
    length = length_of(recipe, len(data.labels))
    run = _Run(network, optimizer_for(network, recipe), data, recipe, length, seed)
    network.train()
    curve: list[Point] = []
    seconds = 0.0
    for epoch in range(length.epochs):
        started = time.perf_counter()
        loss, accuracy = _epoch(run, epoch)
        seconds += time.perf_counter() - started
        curve.append(Point(epoch + 1, loss, accuracy, run.optimizer.param_groups[0]["lr"]))
        on_epoch(curve[-1])
        if not math.isfinite(loss):
            return Fitted(tuple(curve), length.of_epoch(epoch).stop, seconds, "diverged")
    return Fitted(tuple(curve), length.steps, seconds, "complete")


def _epoch(run: _Run, epoch: int) -> tuple[float, float]:
    """Run the steps of `epoch`; mean loss and accuracy over their images, read from the device once."""
    steps, labels = run.length.of_epoch(epoch), run.data.labels
    order = torch.from_numpy(permutation(len(labels), "order", run.seed, epoch)).to(labels.device)
    draws = draw(run.data.images, run.seed, epoch)
    losses = torch.zeros((), device=labels.device, dtype=torch.float64)
    correct = torch.zeros((), device=labels.device, dtype=torch.int64)
    for number, batch in zip(steps, torch.split(order, run.recipe.batch_size), strict=False):
        images = normalise(cut(run.data.images, draws, batch), run.data.mean, run.data.std)
        loss, hits = _step(run, number, images, labels[batch])
        losses += loss
        correct += hits
    return losses.item() / len(steps), correct.item() / (len(steps) * run.recipe.batch_size)


def _step(run: _Run, number: int, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """One update; the batch's mean loss and its count of correct answers, both still on the device."""
    recipe, optimizer = run.recipe, run.optimizer
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr * factor(recipe.schedule, number, run.length.steps, run.length.warmup)
    torch.manual_seed(seed_of("dropout", run.seed, number))
    with arithmetic(images.device, settled(recipe.precision)):
        logits = run.network(images)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach(), (logits.detach().argmax(1) == labels).sum()


def normalise(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 pixels (n, channels, height, width) to fp32 of zero mean and unit deviation; the memory layout is kept."""
    return pixels.float().div_(255).sub_(mean).div_(std)
