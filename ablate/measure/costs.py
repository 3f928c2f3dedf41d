"""The cost phase: every variant measured in one place, interleaved round by round. A worker calls `run` by name."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ablate.lookup import load_dotted
from ablate.measure import METRICS
from ablate.measure.subject import Round, Subject
from ablate.models.network import initialised
from ablate.models.spec import spec_from_json

Report = Callable[[dict[str, Any]], None]
LEAST_ROUNDS = 3


@dataclass(frozen=True)
class CostTask:
    """`variants`: name to resolved model; `metrics`: per-variant metrics; one round takes them all once."""

    variants: dict[str, dict[str, Any]]
    metrics: list[str]
    batch_sizes: list[int]
    seconds_per_variant: float
    device: str


def run(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Measure one set of costs: JSON in (the fields of `CostTask`), conditions, rounds and columns as JSON out."""
    asked = CostTask(**task)
    subjects = {name: _subject(model, asked) for name, model in asked.variants.items()}
    rounds: dict[str, dict[str, list[Round]]] = {
        name: {metric: [] for metric in asked.metrics} for name in asked.variants
    }
    count, stop = 0, time.perf_counter() + asked.seconds_per_variant * len(subjects)
    while count < LEAST_ROUNDS or time.perf_counter() < stop:
        for name, subject in subjects.items():
            for metric in asked.metrics:
                rounds[name][metric].append(load_dotted(f"{METRICS[metric].module}:sample")(subject))
        count += 1
        report({"round": count, "seconds_left": max(0.0, stop - time.perf_counter())})
    variants = {name: {"columns": _columns(taken), "rounds": _medians(taken)} for name, taken in rounds.items()}
    return {"conditions": _conditions(asked), "rounds": count, "variants": variants}


def _subject(model: dict[str, Any], asked: CostTask) -> Subject:
    spec, device = spec_from_json(model), torch.device(asked.device)
    network = initialised(spec, seed=0).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    shape = (spec.in_channels, spec.input_size, spec.input_size)
    return Subject(network, shape, tuple(asked.batch_sizes), device)


def _columns(taken: dict[str, list[Round]]) -> dict[str, float]:
    return {
        column: value
        for metric, rounds in taken.items()
        for column, value in load_dotted(f"{METRICS[metric].module}:measure")(rounds)
    }


def _medians(taken: dict[str, list[Round]]) -> dict[str, dict[str, list[float]]]:
    """The median of every round, so that variants can be compared within rounds."""
    return {
        metric: {name: [float(np.median(each[name])) for each in rounds] for name in rounds[0]}
        for metric, rounds in taken.items()
    }


def _conditions(asked: CostTask) -> dict[str, Any]:
    return {
        "device": asked.device,
        "threads": torch.get_num_threads(),
        "batch_sizes": asked.batch_sizes,
        "dtype": "float32",
        "layout": "channels_last",
        "mode": "eager",
        "seconds_per_variant": asked.seconds_per_variant,
    }
