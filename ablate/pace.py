"""A stretch of training, timed: what `ablate bench` sets beside one another. A worker calls `run` by its dotted name.

To add a way to train, write `Stretch` -> a call that trains it, and enter it in WAYS.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ablate.models.outputs import training_loss
from ablate.models.spec import spec_from_json
from ablate.schema import DataConfig, TrainConfig
from ablate.train.fit import fit
from ablate.train.materials import network_on, test_data, training_data
from ablate.train.optimizers import optimizer_for
from ablate.train.precision import arithmetic, settled
from ablate.train.scoring import score
from ablate.train.sets import TrainingSet
from ablate.train.views import draw_views, normalise, training_views

Report = Callable[[dict[str, Any]], None]

Ready = Callable[[], object]
"""All of a stretch that the clock is to see."""

Layout = Literal["channels_last", "contiguous"]
LAYOUTS: dict[Layout, torch.memory_format] = {
    "channels_last": torch.channels_last,
    "contiguous": torch.contiguous_format,
}


@dataclass(frozen=True)
class Stretch:
    """So many steps of `recipe` with `network` on `data`."""

    network: nn.Module
    data: TrainingSet
    recipe: TrainConfig
    steps: int
    seed: int
    layout: torch.memory_format


def harness(stretch: Stretch) -> Ready:
    """The loop that trials run, from its first line to its last."""
    recipe = stretch.recipe.model_copy(update={"steps": stretch.steps, "epochs": None})
    return lambda: fit(stretch.network, stretch.data, recipe, stretch.seed, lambda point: None)


def bare(stretch: Stretch) -> Ready:
    """Forward, backward and update on one batch that lies ready, over and over: no loop over data can be quicker."""
    images, labels = _batch(stretch)
    return lambda: _steps(stretch, stretch.network, images, labels, stretch.steps)


def compiled(stretch: Stretch) -> Ready:
    """As `bare`, through torch.compile; compiling is off the clock."""
    images, labels = _batch(stretch)
    network = torch.compile(stretch.network, dynamic=False)
    _steps(stretch, network, images, labels, 2)
    return lambda: _steps(stretch, network, images, labels, stretch.steps)


WAYS: dict[str, Callable[[Stretch], Ready]] = {"harness": harness, "bare": bare, "compiled": compiled}


def run(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Train a stretch and say how long it took: JSON {"images", "seconds"}.

    `task` holds `model`, `data`, `train`, `seed` and `device` as a trial's does, `steps`, the `way` (one of WAYS) and
    the `layout`. The network is made anew, off the clock.
    """
    device, data, recipe = torch.device(task["device"]), DataConfig(**task["data"]), TrainConfig(**task["train"])
    spec = spec_from_json(task["model"])
    layout = LAYOUTS[task["layout"]]
    network = network_on(device, spec, task["seed"]).to(memory_format=layout)
    images = training_data(data, recipe.augment, spec.input_size, device)
    stretch = Stretch(network.train(), images, recipe, task["steps"], task["seed"], layout)
    seconds = _timed(WAYS[task["way"]](stretch), device)
    return {"images": task["steps"] * recipe.batch_size, "seconds": seconds}


def run_score(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Score an untrained network on the test split: JSON {"images", "seconds"}; `task` as for `run`."""
    device, data, recipe = torch.device(task["device"]), DataConfig(**task["data"]), TrainConfig(**task["train"])
    spec = spec_from_json(task["model"])
    network, test = network_on(device, spec, task["seed"]), test_data(data, device)
    images = training_data(data, recipe.augment, spec.input_size, device)
    return {"images": len(test.labels), "seconds": _timed(lambda: score(network, test, images, recipe), device)}


def _batch(stretch: Stretch) -> tuple[Tensor, Tensor]:
    """The first images of the first epoch, ready for the network."""
    data, recipe = stretch.data, stretch.recipe
    chosen = torch.arange(recipe.batch_size, device=data.labels.device)
    views = draw_views(data.images, data.side, recipe.rotation_degrees, stretch.seed, epoch=0)
    images = normalise(next(training_views(views, [chosen])), data.mean, data.std)
    return images.contiguous(memory_format=stretch.layout), data.labels[chosen]


def _steps(stretch: Stretch, network: Callable[[Tensor], Any], images: Tensor, labels: Tensor, steps: int) -> None:
    recipe = stretch.recipe
    optimizer = optimizer_for(stretch.network, recipe)
    for _ in range(steps):
        with arithmetic(images.device, settled(recipe.precision)):
            outputs = network(images)
        loss, _ = training_loss(outputs, labels, recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _timed(call: Ready, device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
