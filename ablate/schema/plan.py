"""plan.json as it is read back: what tables and reports take from it. A plan may hold more, of this or another version.

What a study states of its network, data and recipe is shown and compared as it stands, so that only its shape matters.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from ablate.schema.claims import ClaimSection, Count, CountClaim, InteractionClaim, Reading
from ablate.schema.matching import MATCH, UNMATCHED, MatchConfig, MatchedOn
from ablate.schema.mistakes import shown, unknown
from ablate.schema.objectives import value_of
from ablate.schema.planned import Margin, NoData, PlannedFactor, PlannedVariant, StatedBefore
from ablate.schema.section import Stored, WhereStated, all_distinct
from ablate.schema.settled import (
    MatchedWidths,
    PlannedBudget,
    PlannedMatch,
    PlannedSearch,
    PlannedSeeds,
    PlannedTuning,
    Searched,
)


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
    seeds: PlannedSeeds
    match: WhereStated[PlannedMatch] = None
    budget: WhereStated[PlannedBudget] = None
    tune: WhereStated[PlannedTuning] = None
    search: WhereStated[PlannedSearch] = None

    @property
    def matchings(self) -> list[MatchConfig]:
        """The entries of `match`, if any."""
        listed = self.match if isinstance(self.match, list) else [self.match]
        return [each for each in listed if each is not None]


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
    matched: WhereStated[MatchedWidths] = None
    searched: WhereStated[Searched] = None
    variants: list[PlannedVariant] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [variant.variant for variant in self.variants]
        all_distinct(tuple(names))
        all_distinct(tuple(factor.column for factor in self.factors))
        if self.baseline not in names:
            raise ValueError(unknown("baseline", self.baseline, names))
        kinds = (self._factor_mistakes(), self._claim_mistakes(), self._variant_mistakes())
        settled = (self._match_mistakes(), self._tuning_mistakes(), self._search_mistakes())
        mistake = next(chain(*kinds, *settled), None)
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
            for budget in (levels[MATCH] for levels in (variant.levels, *variant.also) if MATCH in levels):
                if budget not in get_args(MatchedOn):
                    yield f"variant {shown(variant.variant)}: {unknown('matching', budget, get_args(MatchedOn))}"
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

    def _match_mistakes(self) -> Iterator[str]:
        if self.matched is None:
            return
        if all(each.on == UNMATCHED for each in self.study.matchings):
            yield "`matched` holds widths, but `study.match` asks for none"
        if self.matched.variants.keys() != {variant.variant for variant in self.variants}:
            yield "`matched` has not one width of every variant"

    def _tuning_mistakes(self) -> Iterator[str]:
        fields = {} if self.study.tune is None else self.study.tune.fields
        for variant in self.variants:
            for path in () if variant.tuned is None else variant.tuned.values:
                if path not in fields:
                    yield f"variant {shown(variant.variant)} has tuned {shown(path)}, which is not in `study.tune`"

    def _search_mistakes(self) -> Iterator[str]:
        search, found = self.study.search, self.searched
        if found is None:
            return
        if search is None:
            yield "`searched` holds what a search has found, but there is no `study.search`"
            return
        columns = {factor.column for factor in self.factors}
        for number, trial in enumerate(found.trials):
            if trial.levels.keys() != columns:
                yield f"trial {number} of `searched` has not one level of every factor"
            for name in search.objectives:
                if trial.lacks(value_of(name)):
                    yield f"trial {number} of `searched` is complete, but has no number for {name}"


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
