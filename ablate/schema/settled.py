"""What plan.json holds of matching, tuning and search: what was asked as resolved, and what they have settled."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from ablate.schema.matching import BudgetConfig, MatchConfig
from ablate.schema.mistakes import shown
from ablate.schema.record import Hash
from ablate.schema.section import Stored, written_out
from ablate.schema.study import Seed, SeedBlocks, SeedCount
from ablate.schema.tuning import SearchConfig, TuneConfig

Score = Annotated[float, Field(ge=-1e39, le=1e39)]

# A plan is read as it stands: what a study file may leave out is missed there.
PlannedSearch = Annotated[SearchConfig, AfterValidator(written_out)]
PlannedTuning = Annotated[TuneConfig, AfterValidator(written_out)]
PlannedBudget = Annotated[BudgetConfig, AfterValidator(written_out)]
PlannedMatching = Annotated[MatchConfig, AfterValidator(written_out)]


def _kind_of_match(stated: Any) -> str:
    return "<list>" if isinstance(stated, list) else "<one>"


PlannedMatch = Annotated[
    Annotated[PlannedMatching, Tag("<one>")] | Annotated[list[PlannedMatching], Field(min_length=1), Tag("<list>")],
    Discriminator(_kind_of_match),
]


def _kind_of_seeds(stated: Any) -> str:
    return "<blocks>" if isinstance(stated, Mapping) else "<seeds>"


PlannedSeeds = Annotated[
    Annotated[SeedCount | list[Seed], Tag("<seeds>")] | Annotated[SeedBlocks, Tag("<blocks>")],
    Discriminator(_kind_of_seeds),
]
"""Of a study that only counts an empty list."""


class Width(Stored):
    """What matching has settled of a variant's network."""

    width: float = Field(gt=0)
    channel_multiple: int = Field(ge=1)


class MatchedWidths(Stored):
    """Of every variant, and the digest of what was asked; their channels are in the same multiples."""

    digest: str
    variants: dict[str, Width]

    @model_validator(mode="after")
    def _is_even(self) -> Self:
        multiples = sorted({found.channel_multiple for found in self.variants.values()})
        if len(multiples) > 1:
            raise ValueError(f"the variants have different channel multiples: {', '.join(map(str, multiples))}")
        return self


class TunedValues(Stored):
    """What tuning has chosen for a variant, and how its trials ended."""

    arm: Hash
    values: dict[str, float]
    score: Score
    stated_score: Score | None
    states: list[Literal["complete", "diverged", "pruned", "failed"]]
    edges: list[str]


class SearchedTrial(Stored):
    """One combination that a search tried: its levels, how it ended, its value of every objective, and `why` its
    network cannot be, where it cannot."""

    levels: dict[str, str]
    state: Literal["complete", "diverged", "pruned", "failed", "infeasible"]
    values: dict[str, Score | None]
    front: bool
    why: str = ""

    def lacks(self, column: str) -> bool:
        """Whether it came to an end without a number in `column`."""
        return self.state == "complete" and (column not in self.values or self.values[column] is None)


class Searched(Stored):
    """What a search has found: `front` holds the levels that are run over all seeds, column by column."""

    digest: Hash
    front: list[dict[str, str]]
    trials: list[SearchedTrial]

    @model_validator(mode="after")
    def _front_was_tried(self) -> Self:
        whole = [trial.levels for trial in self.trials if trial.state == "complete"]
        for levels in self.front:
            if levels not in whole:
                raise ValueError(f"no trial that came to an end has the levels {shown(levels)} of the front")
        return self
