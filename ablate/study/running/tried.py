"""What was tried so far, as whoever proposes the next trial is told of it. Free of Optuna and torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ablate import measure

Direction = Literal["maximize", "minimize"]
Ended = Literal["complete", "diverged", "pruned", "failed"]

DIRECTIONS: Mapping[measure.Direction, Direction] = {"higher": "maximize", "lower": "minimize"}


@dataclass(frozen=True)
class Tried:
    """A trial that was started: its values, how it ended, its score (None without one) after so many epochs."""

    values: Mapping[str, float]
    state: Ended
    score: float | None
    validation_losses: tuple[float, ...]
