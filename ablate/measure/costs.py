"""The cost phase's work in a process of its own: one round over all variants, and the columns that rounds become.

A worker calls `run` and `condense` by their dotted names. Variants take turns series by series, in an order drawn anew
every round, so that what a machine does meanwhile meets all of them alike.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from ablate.lookup import load_dotted
from ablate.measure import METRICS
from ablate.measure.series import Series, Setting
from ablate.measure.subject import Subject, subject_of
from ablate.models.fvcore_counts import fvcore_count_of
from ablate.randomness import permutation
from ablate.schema import Mode

Report = Callable[[dict[str, Any]], None]
Samples = dict[str, dict[str, list[float]]]

# What networks, with their momentum, may hold together; those beyond it are built for every turn.
HELD_BYTES = 4 * 1024**3
TENSORS_A_PARAMETER = 2


@dataclass(frozen=True)
class RoundTask:
    """One round of `variants`, name to resolved model; `broken` (variant, column) pairs stay out; `seed` orders it."""

    variants: dict[str, dict[str, Any]]
    metrics: list[str]
    batch_sizes: list[int]
    modes: list[Mode]
    device: str
    seed: int
    broken: list[list[str]]

    @property
    def setting(self) -> Setting:
        return Setting(tuple(self.batch_sizes), tuple(self.modes), self.device)


def run(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Take one round: JSON in (the fields of `RoundTask`); out come `samples`, variant -> column -> numbers, and the
    `problems`: `variant`, `metric`, `column` and `cause` of everything that could not be measured.

    Reports what it turns to, so that a process which dies over it leaves its name.
    """
    asked = RoundTask(**task)
    samples: Samples = {name: {} for name in asked.variants}
    problems: list[dict[str, str]] = []
    for taken in _series(asked.metrics, asked.setting):
        for name in _order(asked, taken):
            place = {"variant": name, "metric": taken.metric, "column": taken.column}
            report(place)
            try:
                subject = _subjects(asked.device).get(name, asked.variants[name])
                samples[name][taken.column] = load_dotted(f"{METRICS[taken.metric].sampler}:sample")(subject, taken)
            except Exception as error:  # whatever a network raises is a row of the tables, not the end of the others
                traceback.print_exc()
                problems.append({**place, "cause": _sentence(error)})
    return {"samples": samples, "problems": problems}


def condense(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Columns of every variant: `samples` in `task` are variant -> column -> the numbers of all rounds together."""
    setting = Setting(tuple(task["batch_sizes"]), tuple(task["modes"]), task["device"])
    series = {taken.column: taken for taken in _series(task["metrics"], setting)}
    return {
        name: {
            column: value
            for sampled, numbers in columns.items()
            for column, value in load_dotted(f"{METRICS[series[sampled].metric].sampler}:measure")(
                series[sampled], numbers
            )
        }
        for name, columns in task["samples"].items()
    }


def uncounted(task: dict[str, Any], report: Report) -> dict[str, Any]:
    """Variant -> operator -> how often its network runs it, of those that fvcore has no formula for."""
    found: dict[str, Any] = {}
    for name, model in task["variants"].items():
        try:
            subject = _subjects(task["device"]).get(name, model)
            found[name] = dict(fvcore_count_of(subject.network, subject.images(1)).uncounted)
        except Exception:  # that it cannot be traced stands among the problems of its count already
            found[name] = {}
    return found


class _Subjects:
    """Networks in place: those that fit together stay, the others are built when their turn comes."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held: dict[str, tuple[Mapping[str, Any], Subject]] = {}
        self._bytes = 0

    def get(self, name: str, model: Mapping[str, Any]) -> Subject:
        if name in self._held and self._held[name][0] == model:
            return self._held[name][1]
        subject = subject_of(model, self._device)
        needed = TENSORS_A_PARAMETER * subject.parameter_bytes
        if self._bytes + needed <= HELD_BYTES:
            self._bytes += needed
            self._held[name] = (model, subject)
        return subject


@lru_cache(maxsize=1)
def _subjects(device: str) -> _Subjects:
    return _Subjects(torch.device(device))


def _series(metrics: list[str], setting: Setting) -> Iterator[Series]:
    for metric in metrics:
        yield from load_dotted(f"{METRICS[metric].sampler}:series")(setting)


def _order(asked: RoundTask, taken: Series) -> list[str]:
    """The variants that `taken` can be measured of, in this round's order."""
    names = [name for name in asked.variants if [name, taken.column] not in asked.broken]
    return [names[at] for at in np.asarray(permutation(len(names), "costs", asked.seed, taken.column))]


def _sentence(error: Exception) -> str:
    first_line = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first_line}"
