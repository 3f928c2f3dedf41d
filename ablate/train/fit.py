"""The training loop: linear, in memory, without a wait for the device inside an epoch."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ablate.models.outputs import training_loss
from ablate.randomness import permutation, seed_of
from ablate.records import RecordState as State
from ablate.schema import TrainConfig
from ablate.train.averaging import WeightAverage
from ablate.train.check import watches_validation
from ablate.train.checkpoint import Checkpoint
from ablate.train.length import Length, length_of
from ablate.train.optimizers import optimizer_for
from ablate.train.precision import arithmetic, settled
from ablate.train.schedules import learning_rate
from ablate.train.scoring import score
from ablate.train.selection import epochs_since_lowest
from ablate.train.sets import TrainingSet
from ablate.train.views import draw_views, normalise, training_views


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
    state: State


@dataclass(frozen=True)
class _Run:
    """What stays the same over the steps of one training."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    data: TrainingSet
    recipe: TrainConfig
    length: Length
    seed: int
    average: WeightAverage | None
    on_step: Callable[[int, int], None]
    checkpoint: Checkpoint | None
    stop_above: Sequence[float] | None


@dataclass
class _Progress:
    """How far a training is: beside the weights, their average and the optimizer's state, all that the rest depends on.

    `loss_sum` (float64) and `correct` (int64) are of the steps so far of the epoch that is under way, on the device;
    `lowest` are, if training may stop early, the weights at the lowest validation loss.
    """

    step: int
    loss_sum: Tensor
    correct: Tensor
    seconds: float
    curve: list[Point]
    validation_losses: list[float]
    lowest: dict[str, Tensor] | None


def fit(
    network: nn.Module,
    data: TrainingSet,
    recipe: TrainConfig,
    seed: int,
    on_epoch: Callable[[Point], None],
    *,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
    checkpoint: Checkpoint | None = None,
    stop_above: Sequence[float] | None = None,
) -> Fitted:
    """Train `network` in place. Every random number follows from `seed`, the epoch, the step and the image.

    A loss that is no longer finite at the end of an epoch ends the training with the state `diverged`. The weights left
    are the last, or their average, or with early stopping those of the lowest validation loss. `on_step` is told at
    every step, and while a validation set is scored, how many steps of how many are done. Training goes on from what
    `checkpoint` holds, and ends bit by bit as one that nothing has interrupted. With `stop_above`, one validation loss
    an epoch as far as it goes, a training whose lowest so far is above that of the epoch ends with the state `pruned`.
    """
    length = length_of(recipe, len(data.labels), 0 if data.validation is None else len(data.validation.labels))
    average = None if recipe.average_decay is None else WeightAverage(network, recipe.average_decay)
    run = _Run(
        network, optimizer_for(network, recipe), data, recipe, length, seed, average, on_step, checkpoint, stop_above
    )
    done = _begun(run)
    state: State = "complete"
    for epoch in range(len(done.curve), length.epochs):
        network.train()
        loss, accuracy = _epoch(run, epoch, done)
        rate = run.optimizer.param_groups[0]["lr"]
        done.curve.append(Point(epoch + 1, loss, accuracy, rate, _watch(run, done)))
        on_epoch(done.curve[-1])
        if not math.isfinite(loss):
            state = "diverged"
            break
        if _is_behind(run, done.validation_losses):
            state = "pruned"
            break
        if _is_over(recipe, done.validation_losses):
            break
    _leave(run, done)
    return Fitted(tuple(done.curve), done.step, done.seconds, state)


def _begun(run: _Run) -> _Progress:
    """The progress that the checkpoint holds, with the network as it was then; else that of a start."""
    stored = None if run.checkpoint is None else run.checkpoint.restore(run.network, run.optimizer, run.average)
    device = run.data.labels.device
    if stored is None:
        loss_sum, correct = (torch.zeros((), device=device, dtype=dtype) for dtype in (torch.float64, torch.int64))
        return _Progress(0, loss_sum, correct, seconds=0.0, curve=[], validation_losses=[], lowest=None)
    moved = {name: stored[name].to(device) for name in ("loss_sum", "correct")}
    return _Progress(**{**stored, **moved, "curve": [Point(**point) for point in stored["curve"]]})


def _epoch(run: _Run, epoch: int, done: _Progress) -> tuple[float, float]:
    """Run what is left of `epoch`; mean loss and accuracy over the images of it all, read from the device once."""
    started = time.perf_counter()
    steps, labels = run.length.of_epoch(epoch), run.data.labels
    order = torch.from_numpy(permutation(len(labels), "order", run.seed, epoch)).to(labels.device)
    views = draw_views(run.data.images, run.data.side, run.recipe.rotation_degrees, run.seed, epoch)
    batches = torch.split(order, run.recipe.batch_size)[done.step - steps.start : len(steps)]
    for number, batch, seen in zip(range(done.step, steps.stop), batches, training_views(views, batches), strict=True):
        if run.checkpoint is not None and run.checkpoint.is_due():
            started = _save(run, done, run.checkpoint, started)
        run.on_step(number, run.length.steps)
        images = normalise(seen, run.data.mean, run.data.std)
        rate = learning_rate(run.recipe, run.length, number, done.validation_losses)
        loss, hits = _step(run, number, rate, images, labels[batch])
        done.loss_sum += loss
        done.correct += hits
        done.step = number + 1
    means = done.loss_sum.item() / len(steps), done.correct.item() / (len(steps) * run.recipe.batch_size)
    done.loss_sum.zero_()
    done.correct.zero_()
    done.seconds += time.perf_counter() - started
    return means


def _save(run: _Run, done: _Progress, checkpoint: Checkpoint, started: float) -> float:
    """Save what is done so far; when the clock of the steps, which ran since `started`, goes on."""
    done.loss_sum.item()  # the device is to have done the steps that are counted
    done.seconds += time.perf_counter() - started
    curve = [asdict(point) for point in done.curve]
    checkpoint.save(run.network, run.optimizer, run.average, {**vars(done), "curve": curve})
    return time.perf_counter()


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


def _watch(run: _Run, done: _Progress) -> float | None:
    """Take down the validation loss of the weights that would be scored now; None if the recipe does not watch it."""
    if run.data.validation is None or not (watches_validation(run.recipe) or run.stop_above is not None):
        return None
    on_batch = partial(run.on_step, done.step, run.length.steps)
    with nullcontext() if run.average is None else run.average.in_place():
        losses, _ = score(run.network, run.data.validation, run.data, run.recipe, on_batch)
        done.validation_losses.append(losses.double().mean().item())
        if run.recipe.stop_patience_epochs is not None and epochs_since_lowest(done.validation_losses) == 0:
            done.lowest = copy.deepcopy(run.network.state_dict())
    return done.validation_losses[-1]


def _is_over(recipe: TrainConfig, validation_losses: Sequence[float]) -> bool:
    return (
        recipe.stop_patience_epochs is not None
        and epochs_since_lowest(validation_losses) >= recipe.stop_patience_epochs
    )


def _is_behind(run: _Run, validation_losses: Sequence[float]) -> bool:
    """Whether even the lowest of `validation_losses` is above what it has to be after so many epochs."""
    epochs = len(validation_losses)
    limits = run.stop_above or ()
    return 0 < epochs <= len(limits) and not min(validation_losses) <= limits[epochs - 1]


def _leave(run: _Run, done: _Progress) -> None:
    """Give the network the weights that are to be scored."""
    if done.lowest is not None:
        run.network.load_state_dict(done.lowest)
    elif run.average is not None:
        run.average.exchange()
