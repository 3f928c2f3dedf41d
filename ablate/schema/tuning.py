"""`tune:` and `search:`: which fields are looked for, in which ranges, in how many trials."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from ablate.schema.mistakes import shown
from ablate.schema.objectives import ObjectiveName
from ablate.schema.section import Section, all_distinct

MOST_TRIALS = 10_000
FIRST_REHEARSAL_SEED = 10_000
"""Trials of tuning and search have seeds from this on; no final trial of their study has so high a one."""

TUNABLE = (
    *("train.lr", "train.weight_decay", "train.momentum", "train.label_smoothing", "train.warmup_epochs"),
    *("train.decay_factor", "train.average_decay", "train.rotation_degrees", "model.dropout"),
)
"""Fields that are numbers and change neither how long a variant trains nor what its network costs."""


SEARCHABLE = ("model.width", "model.middle_depth", *TUNABLE)
"""Fields that a search may range over beside the levels of the factors."""

WHOLE = ("model.middle_depth",)
"""Those of them that have no fractions; of a builder's arguments it is the annotation that says so."""

CONSTRAINT = re.compile(r"\s*(params|macs)\s*(<=|>=)\s*([0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?)\s*")


class Range(Section):
    """Where a value may lie, both ends included."""

    low: float
    """The least value."""
    high: float
    """The greatest value."""
    log: bool = False
    """Whether values are drawn evenly on a logarithmic scale, as suits learning rates."""

    @model_validator(mode="before")
    @classmethod
    def _has_ends(cls, stated: Any) -> Any:
        if not isinstance(stated, Mapping | cls):
            raise ValueError(f"expected a range such as {{low: 0.1, high: 1}}, not {shown(stated)}")
        return stated

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


@dataclass(frozen=True)
class Constraint:
    """What a count of a network must not be above (`<=`) or below."""

    count: str
    way: str
    bound: float

    def excess(self, value: float) -> float:
        """How far `value` is on the wrong side of the bound; 0 or less where it is not."""
        return value - self.bound if self.way == "<=" else self.bound - value


def constraint_of(text: str) -> Constraint:
    """`params <= 1e6` as a constraint; raises `ValueError` for text that is none."""
    found = CONSTRAINT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no constraint; write params or macs, <= or >=, and a number, as in params <= 1e6"
        )
    count, way, bound = found.groups()
    try:
        number = float(bound)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{text!r} has no bound above 0; write a number, as in params <= 1e6")
    return Constraint(count, way, number)


class SearchConfig(Section):
    """Combinations of levels and values are tried on images held out; those on the front then run over all seeds."""

    younger: ClassVar[frozenset[str]] = frozenset({"parallel"})

    fields: dict[str, Range] = Field(default_factory=dict)
    """Field path -> the range that its value is looked for in, beside the levels of the factors."""
    objectives: tuple[ObjectiveName, ...] = Field(("accuracy", "macs"), strict=False, min_length=1)
    """Metrics, each to be as good as can be: accuracy high, the others low, latency as a share of the baseline's."""
    trials: Annotated[int, Field(ge=2, le=MOST_TRIALS)]
    """Combinations that are trained; those that break a constraint are not, and do not count."""
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    """Who proposes combinations: the tree-structured Parzen estimator, the genetic NSGA-II, or chance."""
    constraints: tuple[str, ...] = Field((), strict=False)
    """Bounds on counts, such as `params <= 1e6`."""
    parallel: int = Field(4, ge=1, le=1000)
    """Combinations that may be tried at a time, none knowing what the others are worth; more keep more devices busy,
    and learn later. The same search on other machines tries the same ones, with fewer workers too."""
    front: int = Field(8, ge=1, le=100)
    """The most combinations of the front that run over all seeds: the best in the first objective, the one at the other
    end, and others between them, as many places apart as can be."""

    @field_validator("objectives", "constraints")
    @classmethod
    def _distinct(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return all_distinct(values)

    @field_validator("constraints")
    @classmethod
    def _readable(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            constraint_of(value)
        return values
