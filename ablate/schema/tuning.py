"""`tune:`: which fields every variant chooses for itself, from which ranges, in how many trials."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ablate.schema.section import Section

MOST_TRIALS = 10_000

TUNABLE = (
    *("train.lr", "train.weight_decay", "train.momentum", "train.label_smoothing", "train.warmup_epochs"),
    *("train.decay_factor", "train.average_decay", "train.rotation_degrees", "model.dropout"),
)
"""Fields that are numbers and change neither how long a variant trains nor what its network costs."""


class Range(Section):
    """Where a value may lie, both ends included."""

    low: float
    """The least value."""
    high: float
    """The greatest value."""
    log: bool = False
    """Whether values are drawn evenly on a logarithmic scale, as suits learning rates."""

    @model_validator(mode="after")
    def _spans(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low, {self.low:g}, is not below high, {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(
                f"low is {self.low:g}, and a logarithmic range begins above 0; state a low above 0, or no log"
            )
        return self


class TuneConfig(Section):
    """Every variant tunes for itself, on images held out of the training split, before its final trials."""

    fields: dict[str, Range] = Field(min_length=1)
    """Field path -> the range that its value is looked for in."""
    trials: Annotated[int, Field(ge=2, le=MOST_TRIALS)] = 16
    """Trials that are started for every variant; those that fall behind are stopped early."""
