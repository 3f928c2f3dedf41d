"""Rounds of the cost phase: taken by two processes in turn until the numbers are steady or the time is spent.

A process lays out its memory once, and that alone can move a network's time by several per cent, each network's by its
own. So there is more than one process, each measures all variants, and intervals hold what either of them found.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ablate.cost_sets import PROCESSES
from ablate.executors import LocalWorker
from ablate.executors.contract import Call, CallFailed, Execution, Worker
from ablate.measure import METRICS
from ablate.measure.series import NOISE_GATE, SAMPLES_FOR
from ablate.study.running.events import CostsRound, Observer

ROUND = "ablate.measure.costs:run"
CONDENSE = "ablate.measure.costs:condense"
UNCOUNTED = "ablate.measure.costs:uncounted"

LEAST_ROUNDS = 3  # however slow the networks are
WANTED_ROUNDS = 12  # an interval by order statistics needs six, and gets narrower from there


@dataclass(frozen=True)
class Asked:
    """What to measure: `task` holds the fields of `ablate.measure.costs.RoundTask` that no round changes."""

    task: dict[str, Any]
    seconds: float

    @property
    def timed(self) -> list[str]:
        return [name for name in self.task["metrics"] if METRICS[name].sampled == "every round"]


@dataclass
class Taken:
    """What rounds gave: `samples`, one a round, by variant and column; `columns` condensed from it; `uncounted`
    operators by variant. `problems` hold variant, metric, column and cause of everything without a number.
    """

    samples: list[dict[str, dict[str, list[float]]]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)
    columns: dict[str, dict[str, float]] = field(default_factory=dict)
    uncounted: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0

    def of(self, variant: str, column: str) -> list[list[float]]:
        """The numbers of every round, empty where it gave none."""
        rounds = [taken[variant] for taken in self.samples]
        return [columns[column] if column in columns else [] for columns in rounds]  # noqa: SIM401


def take_rounds(asked: Asked, execution: Execution, log: Path, observer: Observer) -> Taken:
    """Measure all that is `asked`; a column that cannot be measured is among the problems of its variant.

    Raises `CallFailed` where a process dies without a network to blame.
    """
    workers = [LocalWorker(execution) for _ in range(PROCESSES)]
    taken = Taken(uncounted={name: {} for name in asked.task["variants"]})
    try:
        while not _enough(asked, taken):
            _take(asked, taken, workers[len(taken.samples) % PROCESSES], log)
            observer(CostsRound(len(taken.samples), max(0.0, asked.seconds - taken.seconds)))
        _finish(asked, taken, workers[0], log)
    finally:
        for worker in workers:
            worker.close()
    return taken


def _take(asked: Asked, taken: Taken, worker: Worker, log: Path) -> None:
    """One more round; where the process dies over a network, that is noted and the round begins again."""
    number, turned_to = len(taken.samples), dict[str, str]()
    metrics = asked.task["metrics"] if number == 0 else asked.timed
    broken = [[problem["variant"], problem["column"]] for problem in taken.problems]
    task = {**asked.task, "metrics": metrics, "seed": number, "broken": broken}
    started = time.monotonic()
    try:
        result = worker.run(Call(ROUND, task, log, timeout_seconds=None), turned_to.update)
    except CallFailed as error:
        if not turned_to:
            raise
        taken.problems.append({**turned_to, "cause": error.cause})
        return
    taken.samples.append(result["samples"])
    taken.problems += result["problems"]
    if number >= PROCESSES:  # in its first round a process builds and warms up
        taken.seconds += time.monotonic() - started


def _enough(asked: Asked, taken: Taken) -> bool:
    if not taken.samples or not asked.timed:
        return bool(taken.samples)
    if len(taken.samples) < LEAST_ROUNDS:
        return False
    if taken.seconds >= asked.seconds:
        return True
    return len(taken.samples) >= WANTED_ROUNDS and all(
        _settled(taken.of(name, column)) for name, column in timed_columns(taken)
    )


def timed_columns(taken: Taken) -> list[tuple[str, str]]:
    """Variant and column of everything that was sampled in more rounds than the first."""
    return [(name, column) for name, columns in taken.samples[-1].items() for column in columns]


def _settled(rounds: Sequence[Sequence[float]]) -> bool:
    """Whether all samples together are quiet, and enough for a percentile where a round gives several."""
    samples = np.concatenate(rounds)
    enough = len(samples) >= SAMPLES_FOR[90] or len(samples) <= len(rounds)
    return enough and spread(samples) <= NOISE_GATE


def spread(samples: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Interquartile range over median."""
    low, middle, high = np.percentile(samples, (25, 50, 75))
    return float((high - low) / middle)


def _finish(asked: Asked, taken: Taken, worker: Worker, log: Path) -> None:
    """The columns, and of what the second counter knows nothing where it was asked."""
    pooled = {
        name: {column: np.concatenate(taken.of(name, column)).tolist() for column in columns}
        for name, columns in taken.samples[0].items()
    }
    task = {name: asked.task[name] for name in ("metrics", "batch_sizes", "modes", "device")}
    taken.columns = worker.run(Call(CONDENSE, {**task, "samples": pooled}, log, None), lambda _: None)
    if "macs" in asked.task["metrics"]:
        found = {"variants": asked.task["variants"], "device": asked.task["device"]}
        taken.uncounted = worker.run(Call(UNCOUNTED, found, log, None), lambda _: None)
