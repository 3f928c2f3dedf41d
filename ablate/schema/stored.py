"""The smaller files of a results folder: environment.json, execution.json, costs.json and failures/."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from ablate.schema.columns import is_cost
from ablate.schema.mistakes import shown
from ablate.schema.section import Section, Stored

MOST_SAMPLES = 10**12


def _cost(column: str) -> str:
    if not is_cost(column):
        raise ValueError(f"{shown(column)} is no cost that this version measures")
    return column


CostColumn = Annotated[str, AfterValidator(_cost)]
Number = Annotated[float, Field(ge=-1e100, le=1e100)]
Times = Annotated[int, Field(ge=0, le=MOST_SAMPLES)]


class EnvironmentEntry(Stored):
    """One environment; `machine` gathers what moves numbers."""

    machine: dict[str, Any]


class ExecutionEntry(Section):
    """How trials run on one machine."""

    device: str
    workers: int = Field(ge=1)
    threads: int = Field(ge=1)


class Attempt(Stored):
    """One attempt at a trial, and why it failed."""

    cause: str


class FailureFile(Stored):
    """A trial that failed for good, known as `seed` of `variant`, or the cost phase, which is neither."""

    variant: str = ""
    seed: int = 0
    attempts: list[Attempt] = Field(min_length=1)


class VariantCostsEntry(Stored):
    """What was measured of one variant; see cost_sets.py."""

    model: dict[str, Any]
    columns: dict[CostColumn, Number]
    rounds: dict[CostColumn, list[Number | None]]
    samples: dict[CostColumn, Times]
    spread: dict[CostColumn, Number]
    problems: dict[str, str]
    uncounted: dict[str, Times]


class CostSetEntry(Stored):
    """One set of measurements, of all variants."""

    environment: str
    metrics: list[str] = Field(min_length=1)
    conditions: dict[str, Any]
    observed: dict[str, Any]
    variants: dict[str, VariantCostsEntry]

    @model_validator(mode="after")
    def _rounds_stand_beside_each_other(self) -> Self:
        for column, lengths in _rounds(self.variants).items():
            if len(lengths) > 1:
                raise ValueError(f"the variants have different numbers of rounds of {shown(column)}")
        return self


class OlderCostSet(Stored):
    """A set of an older format, which is passed over."""


def _rounds(variants: Mapping[str, VariantCostsEntry]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for column, rounds in (entry for own in variants.values() for entry in own.rounds.items()):
        found.setdefault(column, set()).add(len(rounds))
    return found


def _format(stated: Any) -> str:
    return "<set>" if isinstance(stated, Mapping) and "observed" in stated else "<older>"


class CostsFile(Stored):
    """costs.json."""

    sets: list[
        Annotated[
            Annotated[CostSetEntry, Tag("<set>")] | Annotated[OlderCostSet, Tag("<older>")], Discriminator(_format)
        ]
    ]
