"""The training loop: linear, in memory, without a wait for the device inside an epoch."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ablate.models.outputs import training_loss
from ablate.randomness import permutation, seed_of
from ablate.schema import TrainConfig
from ablate.train.averaging import WeightAverage
from ablate.train.check import watches_validation
from ablate.train.length import Length, length_of
from ablate.train.optimizers import optimizer_for
from ablate.train.precision import arithmetic, settled
from ablate.train.schedules import learning_rate
from ablate.train.scoring import score
from ablate.train.selection import epochs_since_lowest
from ablate.train.sets import TrainingSet
from ablate.train.views import draw_views, normalise, training_view


@dataclass(frozen=True)
class Point:
    """One epoch of a learning curve; loss and accuracy are of the training batches as they were met.

    `validation_loss`, where the recipe watches one, is of the weights that would be scored then.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    learning_rate: float
    validation_loss: float | None = None


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
    average: WeightAverage | None


@dataclass
class _Watched:
    """The validation loss of every epoch so far and, if training may stop early, the weights at the lowest."""

    losses: list[float]
    lowest: dict[str, Tensor] | None


def fit(
    network: nn.Module, data: TrainingSet, recipe: TrainConfig, seed: int, on_epoch: Callable[[Point], None]
) -> Fitted:
    """Train `network` in place. Every random number follows from `seed`, the epoch, the step and the image.

    A loss that is no longer finite at the end of an epoch ends the training with the state `diverged`. The weights left
    are the last, or their average, or with early stopping those of the lowest validation loss.
    """
    length = length_of(recipe, len(data.labels), 0 if data.validation is None else len(data.validation.labels))
    average = None if recipe.average_decay is None else WeightAverage(network, recipe.average_decay)
    run = _Run(network, optimizer_for(network, recipe), data, recipe, length, seed, average)
    curve, watched = list[Point](), _Watched([], None)
    state: Literal["complete", "diverged"] = "complete"
    seconds = 0.0
    for epoch in range(length.epochs):
        network.train()
        started = time.perf_counter()
        loss, accuracy = _epoch(run, epoch, watched.losses)
        seconds += time.perf_counter() - started
        rate = run.optimizer.param_groups[0]["lr"]
        curve.append(Point(epoch + 1, loss, accuracy, rate, _watch(run, watched)))
        on_epoch(curve[-1])
        if not math.isfinite(loss):
            state = "diverged"
            break
        if _is_over(recipe, watched.losses):
            break
    _leave(run, watched)
    return Fitted(tuple(curve), length.of_epoch(len(curve) - 1).stop, seconds, state)


def _epoch(run: _Run, epoch: int, validation_losses: Sequence[float]) -> tuple[float, float]:
    """Run the steps of `epoch`; mean loss and accuracy over their images, read from the device once."""
    steps, labels = run.length.of_epoch(epoch), run.data.labels
    order = torch.from_numpy(permutation(len(labels), "order", run.seed, epoch)).to(labels.device)
    views = draw_views(run.data.images, run.data.side, run.recipe.rotation_degrees, run.seed, epoch)
    losses = torch.zeros((), device=labels.device, dtype=torch.float64)
    correct = torch.zeros((), device=labels.device, dtype=torch.int64)
    for number, batch in zip(steps, torch.split(order, run.recipe.batch_size), strict=False):
        images = normalise(training_view(views, batch), run.data.mean, run.data.std)
        rate = learning_rate(run.recipe, run.length, number, validation_losses)
        loss, hits = _step(run, number, rate, images, labels[batch])
        losses += loss
        correct += hits
    return losses.item() / len(steps), correct.item() / (len(steps) * run.recipe.batch_size)


def _step(run: _Run, number: int, rate: float, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """One update; the batch's mean loss and its count of correct answers, both still on the device."""
    recipe, optimizer = run.recipe, run.optimizer
    for group in optimizer.param_groups:
        group["lr"] = rate
    torch.manual_seed(seed_of("dropout", run.seed, number))
    with arithmetic(images.device, settled(recipe.precision)):
        outputs = run.network(images)
    loss, logits = training_loss(outputs, labels, recipe.label_smoothing)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    if run.average is not None:
        run.average.update(number + 1)
    return loss.detach(), (logits.detach().argmax(1) == labels).sum()


def _watch(run: _Run, watched: _Watched) -> float | None:
    """Take down the validation loss of the weights that would be scored now; None if the recipe does not watch it."""
    if run.data.validation is None or not watches_validation(run.recipe):
        return None
    with nullcontext() if run.average is None else run.average.in_place():
        losses, _ = score(run.network, run.data.validation, run.data, run.recipe)
        watched.losses.append(losses.double().mean().item())
        if run.recipe.stop_patience_epochs is not None and epochs_since_lowest(watched.losses) == 0:
            watched.lowest = copy.deepcopy(run.network.state_dict())
    return watched.losses[-1]


def _is_over(recipe: TrainConfig, validation_losses: Sequence[float]) -> bool:
    return (
        recipe.stop_patience_epochs is not None
        and epochs_since_lowest(validation_losses) >= recipe.stop_patience_epochs
    )


def _leave(run: _Run, watched: _Watched) -> None:
    """Give the network the weights that are to be scored."""
    if watched.lowest is not None:
        run.network.load_state_dict(watched.lowest)
    elif run.average is not None:
        run.average.exchange()
