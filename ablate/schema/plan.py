"""plan.json as it is read back: what tables and reports take from it. A plan may hold more, of this or another version.

What a study states of its network, data and recipe is shown and compared as it stands, so that only its shape matters.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from ablate.schema.claims import ClaimSection, Count, CountClaim, InteractionClaim, Reading
from ablate.schema.columns import is_reserved
from ablate.schema.matching import MATCH
from ablate.schema.mistakes import shown, unknown
from ablate.schema.record import Hash
from ablate.schema.section import Section, all_distinct

LARGEST_SEED = 2**63 - 1
MOST_COUNTED = 10**18


class Stored(Section):
    """What was written by a program: fields that are not known here are those of another version."""

    model_config = ConfigDict(extra="ignore")


def _seed(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and str(int(text)) == text):
        raise ValueError(f"expected a seed, a whole number from 0 on, not {shown(text)}")
    if int(text) > LARGEST_SEED:
        raise ValueError(f"the seed {text} is beyond {LARGEST_SEED}")
    return text


def _column(name: str) -> str:
    if is_reserved(name):
        raise ValueError(f"{shown(name)} is a column of the tables already, so that no factor can be called so")
    return name


SeedText = Annotated[str, AfterValidator(_seed)]
Name = Annotated[str, Field(min_length=1)]
Column = Annotated[str, Field(min_length=1), AfterValidator(_column)]
Counted = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Margin = dict[str, Annotated[float, Field(gt=0)]]


class PlannedFactor(Stored):
    """`path` is its key in the study file."""

    path: Name
    column: Column


class PlannedStudy(Stored):
    """The study file as resolved."""

    name: str
    question: str
    model: dict[str, Any]
    factors: dict[str, list[Any] | dict[str, dict[str, Any]]]
    design: Literal["grid", "one_at_a_time", "count", "search"]
    primary: str
    margin: Margin
    measure: list[str]
    claims: list[ClaimSection]


class Width(Stored):
    """What matching has settled of a variant's network."""

    width: float = Field(gt=0)
    channel_multiple: int = Field(ge=1)


class MatchedWidths(Stored):
    """Of every variant, and the digest of what was asked."""

    digest: str
    variants: dict[str, Width]


class StatedClaim(Stored):
    """A claim as it was stated before."""

    id: str


class StatedBefore(Stored):
    """What the study stated once; `trials_finished` had a record by then."""

    digest: str
    question: str
    claims: list[StatedClaim]
    margin: Margin
    primary: str
    trials_finished: int = Field(ge=0)


class PlannedModel(Stored):
    """A network as resolved."""

    preset: str | None = None
    builder: str | None = None
    input_size: int | None = None


class PlannedData(Stored):
    """Data as resolved."""

    name: str
    train_images: int = Field(ge=0)
    test_images: int = Field(ge=0)
    digest: str


class NoData(Stored):
    """Of a variant that is not trained."""


class PlannedTraining(Stored):
    """A recipe as resolved, which is empty where nothing is trained."""

    epochs: int | None = None
    batch_size: int | None = Field(None, ge=1)
    seed_offset: int = Field(0, ge=0)


def _kind_of_data(stated: Any) -> str:
    return "<nothing>" if stated == {} else "<data>"


DataOrNone = Annotated[
    Annotated[PlannedData, Tag("<data>")] | Annotated[NoData, Tag("<nothing>")], Discriminator(_kind_of_data)
]
Shape = Annotated[tuple[Counted, Counted, Counted], Field(strict=False)]
Stage = Annotated[tuple[str, Shape], Field(strict=False)]
"""Name of a part of the network, and the depth, height and width of what it gives."""


class TunedValues(Stored):
    """What tuning has chosen for a variant, and how its trials ended."""

    arm: Hash
    values: dict[str, float]
    score: float
    stated_score: float | None
    states: list[Literal["complete", "diverged", "pruned", "failed"]]
    edges: list[str]


class SearchedTrial(Stored):
    """One combination that a search tried: its levels, how it ended, its value of every objective, and `why` its
    network cannot be, where it cannot."""

    levels: dict[str, str]
    state: Literal["complete", "diverged", "pruned", "failed", "infeasible"]
    values: dict[str, float | None]
    front: bool
    why: str = ""


class Searched(Stored):
    """What a search has found: `front` holds the levels that are run over all seeds, column by column."""

    digest: Hash
    front: list[dict[str, str]]
    trials: list[SearchedTrial]


class PlannedVariant(Stored):
    """A variant, what was counted of it, and the keys of its trials by their seeds."""

    variant: Name
    levels: dict[str, str]
    also: list[dict[str, str]] = Field(default_factory=list)
    model: PlannedModel
    data: DataOrNone
    train: PlannedTraining
    steps: Counted
    params: Counted
    macs: Counted
    keys: dict[SeedText, Hash]
    awaits: Hash | None = None
    tuned: TunedValues | None = None
    quantities: dict[str, float | None] = Field(default_factory=dict)
    stages: list[Stage] = Field(default_factory=list)


class PlanFile(Stored):
    """plan.json."""

    training_version: int | str
    precision: str
    source: str
    overrides: list[str]
    study: PlannedStudy
    factors: list[PlannedFactor]
    baseline: str
    stated: list[StatedBefore] = Field(default_factory=list)
    matched: MatchedWidths | None = None
    searched: Searched | None = None
    variants: list[PlannedVariant] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [variant.variant for variant in self.variants]
        all_distinct(tuple(names))
        all_distinct(tuple(factor.column for factor in self.factors))
        if self.baseline not in names:
            raise ValueError(unknown("baseline", self.baseline, names))
        mistake = next(chain(self._factor_mistakes(), self._claim_mistakes(), self._variant_mistakes()), None)
        if mistake is not None:
            raise ValueError(mistake)
        return self

    def _factor_mistakes(self) -> Iterator[str]:
        paths = {factor.path for factor in self.factors}
        if paths - {MATCH} != self.study.factors.keys() or len(paths) != len(self.factors):
            yield "`factors` and `study.factors` name different factors"
        for variant in self.variants:
            if any(levels.keys() != paths for levels in (variant.levels, *variant.also)):
                yield f"variant {shown(variant.variant)} has not one level of every factor"
            for path, levels in self.study.factors.items():
                if isinstance(levels, dict) and variant.levels[path] not in levels:
                    yield f"variant {shown(variant.variant)}: {unknown('level', variant.levels[path], levels)}"

    def _claim_mistakes(self) -> Iterator[str]:
        paths = {factor.path for factor in self.factors}
        counted = {variant.variant: variant.quantities for variant in self.variants}
        for claim in self.study.claims:
            for path in (path for side in _sides(claim) for path in side if path not in paths):
                yield f"claim {claim.id}: {unknown('factor', path, paths)}"
            for system, quantity in _asked(claim):
                if system not in counted:
                    yield f"claim {claim.id}: {unknown('variant', system, counted)}"
                elif quantity not in counted[system]:
                    yield f"claim {claim.id}: {shown(quantity)} of {shown(system)} was not counted"

    def _variant_mistakes(self) -> Iterator[str]:
        counts = self.study.design == "count"
        for variant in self.variants:
            if not counts and (isinstance(variant.data, NoData) or not variant.keys):
                yield f"variant {shown(variant.variant)} has no data or no seeds, though the study trains"
            model, is_surveyed = variant.model, {"quantities", "stages"} <= variant.model_fields_set
            has_network = model.input_size is not None and (model.preset or model.builder)
            if counts and not (has_network and is_surveyed):
                yield f"variant {shown(variant.variant)} has no network that was counted"


def _sides(claim: Any) -> tuple[Mapping[str, Any], ...]:
    """What `claim` names of factors and levels."""
    if isinstance(claim, CountClaim):
        return ()
    if isinstance(claim, InteractionClaim):
        named = claim.interaction
        return (named.better, named.than, named.more_at, named.than_at)
    return (claim.better, claim.than)


def _asked(claim: Any) -> list[tuple[str, str | None]]:
    """The variants that `claim` is about, if it is about counts, and which quantity of each."""
    counts: list[Count | Reading] = [claim.count, *claim.readings] if isinstance(claim, CountClaim) else []
    return [(name, each.quantity) for each in counts for name in (each.system, each.over) if name is not None]
