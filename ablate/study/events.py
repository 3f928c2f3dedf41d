"""What happens while a study runs, told to whoever watches. Called from several threads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudyStarted:
    """`done` and `planned` count trials; `variants` and `seeds` span the table of progress."""

    name: str
    folder: Path
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    done: frozenset[tuple[str, int]]
    device: str
    workers: int
    threads: int


@dataclass(frozen=True)
class CostsWait:
    """The cost phase waits until nothing else runs on `device`."""

    device: str


@dataclass(frozen=True)
class CostsRound:
    """One round of the cost phase is over."""

    number: int
    seconds_left: float


@dataclass(frozen=True)
class CostsFailed:
    """The cost phase has no result."""

    cause: str
    log: Path


@dataclass(frozen=True)
class TrialStarted:
    """A worker has taken a trial of `epochs` epochs."""

    variant: str
    seed: int
    epochs: int


@dataclass(frozen=True)
class EpochDone:
    """Training loss and accuracy of the epoch that is over."""

    variant: str
    seed: int
    epoch: int
    train_loss: float | None
    train_accuracy: float | None


@dataclass(frozen=True)
class TrialFinished:
    """A record is written."""

    variant: str
    seed: int
    state: str
    accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class TrialFailed:
    """An attempt has failed; `outlook` says whether it will be tried again."""

    variant: str
    seed: int
    cause: str
    log: Path
    outlook: str


Event = StudyStarted | CostsWait | CostsRound | CostsFailed | TrialStarted | EpochDone | TrialFinished | TrialFailed
Observer = Callable[[Event], None]


def unobserved(event: Event) -> None:
    """The observer of a run that nobody watches."""
