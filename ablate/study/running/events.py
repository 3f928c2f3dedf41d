"""What happens while a study runs, told to whoever watches. Called from several threads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outlook = Literal["enough", "at most", "unfinished"]


@dataclass(frozen=True)
class StudyStarted:
    """A run begins, or goes on with a further block of seeds.

    A phase of tuning, or of search, comes first where there is one. `variants` and `seeds` span the table of progress,
    in which `done` has its result already and `shared` is the trial of another cell. `at_most` is how many seeds there
    may be, None where they are not added in blocks.
    """

    name: str
    folder: Path
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    done: frozenset[tuple[str, int]]
    device: str
    workers: int
    threads: int
    at_most: int | None = None
    shared: frozenset[tuple[str, int]] = frozenset()
    phase: Literal["training", "tuning", "search"] = "training"


@dataclass(frozen=True)
class StatementChanged:
    """`changed` (question, claims, margin, primary) are not as last stated; `finished` of `planned` trials are done."""

    changed: tuple[str, ...]
    finished: int
    planned: int


@dataclass(frozen=True)
class VariantTuned:
    """A variant has chosen `values`, by field path, with which it scored `score` on the `metric` of the validation."""

    variant: str
    values: Mapping[str, float]
    metric: str
    score: float


@dataclass(frozen=True)
class SeedsSettled:
    """Where blocks of seeds stand: `planned` seeds by now, and why no more of them.

    The intervals are narrow `enough`, there are as many as `at_most`, or a block is `unfinished`: a trial has no result
    yet, or failed for good. `half_width` is that of the widest 95 % interval on `metric` over the first `judged` seeds,
    the last block that is whole; NaN where an interval is missing or no block is whole. Like `until`, it is in the
    metric's unit.
    """

    metric: str
    planned: int
    at_most: int
    until: float
    outlook: Outlook
    judged: int
    half_width: float


@dataclass(frozen=True)
class GpuShared:
    """So many workers together train so fast on `device`: this decides how many share it."""

    device: str
    workers: int
    images_per_second: float


@dataclass(frozen=True)
class CostsWait:
    """Costs, or what a GPU is worth, are measured once nothing else runs on `device`."""

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
class StepDone:
    """`step` of the `steps` of a trial's training are done; told every few seconds, where epochs take longer.

    `step_seconds` is what one has taken since this was told last, None where none was done.
    """

    variant: str
    seed: int
    step: int
    steps: int
    step_seconds: float | None = None


@dataclass(frozen=True)
class TrialTaken:
    """Another run of the same study trains this trial, on the host `where`."""

    variant: str
    seed: int
    where: str


@dataclass(frozen=True)
class TrialLeft:
    """The run that had taken this trial does not work on it any more, and has left no record."""

    variant: str
    seed: int


@dataclass(frozen=True)
class TrialArrived:
    """The record that another run of the same study has made is here."""

    variant: str
    seed: int
    state: str
    accuracy: float | None


@dataclass(frozen=True)
class RecordSetAside:
    """A record could not be read, for the reason `why`; it lies at `path` now and its trial will run again."""

    variant: str
    seed: int
    why: str
    path: Path


@dataclass(frozen=True)
class LedgerWait:
    """The ledger does not answer, for the reason `cause`; it is asked again."""

    cause: str


@dataclass(frozen=True)
class LedgerRebuilt:
    """The ledger could not be used, for the reason `cause`; it lies at `path` now, and a new one is made."""

    cause: str
    path: Path


@dataclass(frozen=True)
class FindingsNotShown:
    """The ledger does not show Optuna's tools what was found, for the reason `cause`; nothing else lacks it."""

    cause: str


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


Event = (
    StudyStarted
    | StatementChanged
    | SeedsSettled
    | VariantTuned
    | GpuShared
    | CostsWait
    | CostsRound
    | CostsFailed
    | TrialStarted
    | EpochDone
    | StepDone
    | TrialFinished
    | TrialTaken
    | TrialLeft
    | TrialArrived
    | TrialFailed
    | RecordSetAside
    | LedgerWait
    | LedgerRebuilt
    | FindingsNotShown
)
Observer = Callable[[Event], None]


def unobserved(event: Event) -> None:
    """The observer of a run that nobody watches."""
