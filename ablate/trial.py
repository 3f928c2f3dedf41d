"""The life of one trial: load, build, fit, evaluate, record. A worker calls `run` by its dotted name."""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ablate import environment
from ablate.data import DATASETS
from ablate.errors import DataError
from ablate.lookup import load_dotted
from ablate.measure import METRICS, metrics_of
from ablate.measure.evaluation import Evaluation
from ablate.models.spec import spec_from_json
from ablate.records import Record, canonical, pack_bits
from ablate.schema import DataConfig, TrainConfig
from ablate.train.checkpoint import Checkpoint
from ablate.train.fit import Fitted, Point, fit
from ablate.train.materials import network_on, test_data, training_data
from ablate.train.pulse import Pulse
from ablate.train.scoring import score
from ablate.train.sets import EvaluationSet, TrainingSet

Report = Callable[[dict[str, Any]], None]

LATENCIES = "ablate.measure.beside:latencies_ms"  # which few trials have need of


def run(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Train and score one variant with one seed: JSON in, the record as JSON out.

    `task` holds `key`, `seed`, `model`, `data`, `train` (all settled), `device`, and which split is `scored`. It may
    hold `data_digest`, that of the data as planned, and `checkpoint`, the path of a file to go on from. `report` is
    given the curve's point after every epoch, and {"step", "steps"} every few seconds. Raises `DataError` for data that
    are not those planned.

    A trial of tuning or search has `validation` scored, which is held out of the training split, and does not see the
    test split. It may hold `stop_above`, as `fit` takes it; with `timed_beside` (`model`, `batch`, `mode`) its network
    is timed beside another.
    """
    seed, device = task["seed"], torch.device(task["device"])
    spec, data, recipe = spec_from_json(task["model"]), DataConfig(**task["data"]), TrainConfig(**task["train"])
    if "data_digest" in task:
        _check_unchanged(data, task["data_digest"])
    train = training_data(data, recipe.augment, spec.input_size, device)
    network = network_on(device, spec, seed)
    pulse, checkpoint = Pulse(report), _checkpoint(task, device)
    fitted = fit(
        network,
        train,
        recipe,
        seed,
        lambda point: report(_finite_point(point)),
        on_step=pulse.beat,
        checkpoint=checkpoint,
        stop_above=task.get("stop_above"),
    )
    on_batch = partial(pulse.beat, fitted.steps, fitted.steps)
    if task["scored"] == "validation":
        record = _record(task["key"], seed, fitted, recipe, rehearse(network, train, recipe, on_batch))
        return asdict(replace(record, scored="validation", timed=_timed(task, device)))
    scored = evaluate(network, test_data(data, device), train, recipe, on_batch)
    return asdict(_record(task["key"], seed, fitted, recipe, scored))


def _timed(task: dict[str, Any], device: torch.device) -> dict[str, float] | None:
    if "timed_beside" not in task:
        return None
    beside = task["timed_beside"]
    models = task["model"], beside["model"]
    own, baseline = load_dotted(LATENCIES)(*models, beside["batch"], beside["mode"], device)
    return {"latency_ms": own, "baseline_latency_ms": baseline}


def evaluate(
    network: nn.Module,
    test: EvaluationSet,
    train: TrainingSet,
    recipe: TrainConfig,
    on_batch: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Score `network` on the test split: the only place that reads it, once a trial, when training is over."""
    return _evaluation(score(network, test, train, recipe, on_batch))


def rehearse(
    network: nn.Module, train: TrainingSet, recipe: TrainConfig, on_batch: Callable[[], None] = lambda: None
) -> Evaluation:
    """Score `network` on what is held out of the training split, when training is over."""
    assert train.validation is not None
    return _evaluation(score(network, train.validation, train, recipe, on_batch))


def _evaluation(scores: tuple[torch.Tensor, torch.Tensor]) -> Evaluation:
    losses, hits = scores
    return Evaluation(losses.double().cpu().numpy(), hits.cpu().numpy())


def _check_unchanged(data: DataConfig, planned: str) -> None:
    found = _digest(data)
    if found != planned:
        raise DataError(
            f"data.name: {data.name} has changed since the study was planned: its digest was {planned[:12]} and is "
            f"{found[:12]} now; restore it, or run the study on it under another name or with another --results"
        )


# Files are read once a process, as the images are.
@lru_cache
def _digest(data: DataConfig) -> str:
    return DATASETS[data.name].digest(data)


def _checkpoint(task: dict[str, Any], device: torch.device) -> Checkpoint | None:
    """The trial's checkpoint, if it is to have one: good for one machine, one kind of device, one number of threads."""
    if "checkpoint" not in task:
        return None
    here = {
        **_machine(task["device"]),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    spelt = {name: canonical(value).decode() for name, value in here.items()}
    return Checkpoint(Path(task["checkpoint"]), task["key"], spelt)


@lru_cache
def _machine(device: str) -> dict[str, Any]:
    return environment.machine(device)


def _record(key: str, seed: int, fitted: Fitted, recipe: TrainConfig, scored: Evaluation) -> Record:
    measured = {
        column: value
        for metric in metrics_of("per_trial", list(METRICS))
        for column, value in load_dotted(f"{METRICS[metric].module}:measure")(scored)
    }
    pace = fitted.steps * recipe.batch_size / fitted.seconds
    metrics = {**measured, "train_seconds": fitted.seconds, "train_images_per_second": pace}
    # The very last update can be the one that blows up: no training loss has seen it, the test loss has.
    finite = all(math.isfinite(value) for value in metrics.values())
    return Record(
        key=key,
        seed=seed,
        state=fitted.state if finite else "diverged",
        metrics={column: _finite(value) for column, value in metrics.items()},
        steps=fitted.steps,
        curve=[_finite_point(point) for point in fitted.curve],
        correct=pack_bits(scored.correct),
        test_images=len(scored.correct),
    )


def _finite_point(point: Point) -> dict[str, float | None]:
    """A point as JSON; a curve without a validation loss has no such entry."""
    fields = {name: value for name, value in asdict(point).items() if name != "validation_loss" or value is not None}
    return {name: _finite(value) for name, value in fields.items()}


def _finite(value: float) -> float | None:
    """`value`, or None where a diverged trial has no number."""
    return value if math.isfinite(value) else None
