"""What is known of a run so far, from the events told of it: where its trials stand and how long the rest will take."""

import itertools
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

from ablate.display.forecast import Finish, Pace, seconds_left
from ablate.study.running.events import (
    CostsRound,
    CostsWait,
    EpochDone,
    Event,
    RecordSetAside,
    StepDone,
    StudyStarted,
    TrialArrived,
    TrialFailed,
    TrialFinished,
    TrialLeft,
    TrialStarted,
    TrialTaken,
)

Trial = tuple[str, int]
"""Variant and seed."""


@dataclass(frozen=True)
class Here:
    """A worker of this run trains it; `step` and `last` are what it has told last, None before it has."""

    epochs: int
    step: StepDone | None = None
    last: EpochDone | None = None

    @property
    def epoch(self) -> int:
        """Epochs done. A trial that goes on where an earlier attempt stopped tells of a step first."""
        by_steps = self.epochs * self.step.step // self.step.steps if self.step else 0
        return max(by_steps, self.last.epoch if self.last else 0)


@dataclass(frozen=True)
class Elsewhere:
    """Another run trains it, on `host`."""

    host: str


@dataclass(frozen=True)
class Recorded:
    """It has a record; `state` is `done` where that was there before this run, which has not read it."""

    state: str
    accuracy: float | None


Going = Here | Elsewhere | Literal["again"]
"""Where a trial stands that has begun; `again` if an attempt at it failed and another will be made."""

Ended = Recorded | Literal["failed"]
"""Where a trial stands that has ended; `failed` if no further attempt will be made."""

EARLIER = Recorded("done", None)


@dataclass
class Progress:
    """What is known of a run: the trials that have `ended`, those that are `going` on or will again.

    `left` counts for each variant the trials that have not ended; `arriving` is of the next `Finish`.
    """

    started: StudyStarted
    began: float = field(default_factory=time.monotonic)
    ended: dict[Trial, Ended] = field(default_factory=dict)
    going: dict[Trial, Going] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    finishes: list[Finish] = field(default_factory=list)
    arriving: list[str] = field(default_factory=list)
    costs: CostsWait | CostsRound | None = None

    def __post_init__(self) -> None:
        self.go_on(self.started)

    def go_on(self, started: StudyStarted) -> None:
        """Take in a further block of seeds; of its trials some may have been done under other names."""
        self.started = started
        self.ended = {trial: ended for trial, ended in self.ended.items() if trial[1] in started.seeds}
        for trial in started.done:
            if not isinstance(self.standing(trial), Recorded):
                self.put(trial, EARLIER)
        cells = itertools.product(started.variants, started.seeds)
        self.left = Counter(cell[0] for cell in cells if cell not in self.ended and cell not in started.shared)

    @property
    def planned(self) -> int:
        return planned(self.started)

    @property
    def done(self) -> int:
        return len(self.ended)

    @property
    def running(self) -> dict[Trial, Here]:
        """What the workers of this run train now."""
        return {trial: standing for trial, standing in self.going.items() if isinstance(standing, Here)}

    def standing(self, trial: Trial) -> Ended | Going | None:
        """None for a trial that has not begun."""
        return self.ended.get(trial) or self.going.get(trial)

    def put(self, trial: Trial, standing: Ended | Going | None) -> None:
        """Let `trial` stand there, and nowhere else."""
        self.going.pop(trial, None)
        if self.ended.pop(trial, None):
            self.left[trial[0]] += 1
        if isinstance(standing, Recorded) or standing == "failed":
            self.ended[trial] = standing
            self.left[trial[0]] -= 1
        elif standing is not None:
            self.going[trial] = standing

    def seconds_left(self) -> float | None:
        """As `forecast.seconds_left` says."""
        paces = [
            Pace(variant, told.steps, told.step, told.step_seconds)
            for (variant, _), standing in self.running.items()
            if (told := standing.step) is not None and told.step_seconds is not None
        ]
        return seconds_left(self.left, self.finishes, paces, self.started.workers)


def planned(started: StudyStarted) -> int:
    """Distinct trials; variants that are one network share theirs."""
    return len(started.variants) * len(started.seeds) - len(started.shared)


def take(progress: Progress, event: Event) -> None:
    """Take in what `event` tells."""
    match event:
        case StudyStarted():
            progress.go_on(event)
        case CostsWait() | CostsRound():
            progress.costs = event
        case TrialStarted(variant=variant, seed=seed, epochs=epochs):
            progress.costs = None
            progress.put((variant, seed), Here(epochs))
        case EpochDone() | StepDone():
            _hear(progress, event)
        case TrialFinished(variant=variant, seed=seed, state=state, accuracy=accuracy, seconds=seconds):
            progress.put((variant, seed), Recorded(state, accuracy))
            progress.finishes.append(Finish(variant, seconds, tuple(progress.arriving)))
            progress.arriving.clear()
        case TrialFailed():
            _fail(progress, event)
        case TrialTaken(variant=variant, seed=seed, where=where):
            if not isinstance(progress.standing((variant, seed)), Here | Recorded):  # else the news is old
                progress.put((variant, seed), Elsewhere(where))
        case TrialLeft(variant=variant, seed=seed):
            if isinstance(progress.standing((variant, seed)), Elsewhere):
                progress.put((variant, seed), None)
        case TrialArrived():
            _arrive(progress, event)
        case RecordSetAside(variant=variant, seed=seed):
            progress.put((variant, seed), None)


def _hear(progress: Progress, event: EpochDone | StepDone) -> None:
    """Note what a worker tells of its trial; the last word of one whose trial has ended meanwhile goes unheard."""
    trial = event.variant, event.seed
    standing = progress.standing(trial)
    if isinstance(standing, Here):
        changed = replace(standing, last=event) if isinstance(event, EpochDone) else replace(standing, step=event)
        progress.going[trial] = changed


def _fail(progress: Progress, event: TrialFailed) -> None:
    trial = event.variant, event.seed
    if not isinstance(progress.standing(trial), Recorded):  # by another run, meanwhile
        progress.put(trial, "failed" if event.outlook == "given up" else "again")


def _arrive(progress: Progress, event: TrialArrived) -> None:
    """Count a record as help only if its trial was seen to run beside one of this run.

    Hundreds that were made before may arrive at once, and say nothing of the time that the rest will take.
    """
    trial = event.variant, event.seed
    if isinstance(progress.standing(trial), Elsewhere) and progress.running:
        progress.arriving.append(event.variant)
    progress.put(trial, Recorded(event.state, event.accuracy))
