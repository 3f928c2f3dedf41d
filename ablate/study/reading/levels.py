"""What varies: levels, factors, and the combinations of them that make the variants of a design."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.schema import MATCH, BuilderConfig, ModelConfig, StudyFile


@dataclass(frozen=True)
class Level:
    """A value of a factor: its name in tables, the value as the study file has it, and the field paths it sets."""

    name: str
    value: Any
    sets: Mapping[str, Any]


@dataclass(frozen=True)
class Factor:
    """One thing that varies: its key under `factors:`, its column in the tables, and its levels in file order."""

    path_or_name: str
    column: str
    levels: tuple[Level, ...]

    @property
    def varies_data(self) -> bool:
        return any(field.startswith("data.") for level in self.levels for field in level.sets)

    @property
    def is_condition(self) -> bool:
        """Whether variants are set against the baseline under each of its levels: it varies the data, or how budgets
        are matched."""
        return self.varies_data or self.path_or_name == MATCH


def variant_name(levels: Mapping[str, str]) -> str:
    """The level if there is one factor, else `factor=level` joined by commas; `levels`: factor column -> level name."""
    if len(levels) == 1:
        return next(iter(levels.values()))
    return ",".join(f"{column}={level}" for column, level in levels.items())


def network_name(model: ModelConfig | BuilderConfig) -> str:
    """What the one variant of a study without factors is called: its preset, or the function that builds it."""
    return model.preset if isinstance(model, ModelConfig) else model.builder.rpartition(":")[2]


def combinations(
    config: StudyFile, factors: Sequence[Factor], baseline: Mapping[str, str]
) -> Iterator[tuple[Level, ...]]:
    """The levels of every variant of the design, one of each factor; `baseline`: factor column -> level name.

    The baseline comes once, whatever it is matched on: it is what the others are matched to.
    """
    for levels in itertools.product(*(factor.levels for factor in factors)):
        changed = [
            factor for factor, level in zip(factors, levels, strict=True) if level.name != baseline[factor.column]
        ]
        if config.design == "one_at_a_time" and sum(factor.path_or_name != MATCH for factor in changed) > 1:
            continue
        if any(factor.path_or_name == MATCH for factor in changed) and all(factor.is_condition for factor in changed):
            continue
        yield levels


def nearest(factors: Sequence[Factor], baseline: Mapping[str, str], most: int) -> Iterator[tuple[Level, ...]]:
    """At most so many combinations, those with fewer levels that are not the baseline's before those with more."""
    own = [next(level for level in each.levels if level.name == baseline[each.column]) for each in factors]
    others = [[level for level in each.levels if level.name != baseline[each.column]] for each in factors]
    changed = (
        tuple(levels[chosen.index(place)] if place in chosen else own[place] for place in range(len(own)))
        for count in range(len(own) + 1)
        for chosen in itertools.combinations(range(len(own)), count)
        for levels in itertools.product(*(others[place] for place in chosen))
    )
    return itertools.islice(changed, most)


def places_shared(
    factors: Sequence[Factor], levels: Sequence[Level], baseline: Mapping[str, str]
) -> list[dict[str, str]]:
    """The other combinations that the variant with `levels` stands for, factor path -> level name.

    The baseline, under each condition of the data, is that of every matching.
    """
    named = {factor.path_or_name: level.name for factor, level in zip(factors, levels, strict=True)}
    if any(named[factor.path_or_name] != baseline[factor.column] for factor in factors if not factor.is_condition):
        return []
    matchings = [level.name for factor in factors if factor.path_or_name == MATCH for level in factor.levels]
    return [{**named, MATCH: name} for name in matchings if name != named[MATCH]]


def sets_of(factors: Sequence[Factor], levels: Mapping[str, str]) -> dict[str, Any]:
    """The field paths that `levels`, factor column -> level name, set."""
    chosen = [level for factor in factors for level in factor.levels if level.name == levels[factor.column]]
    return {path: value for level in chosen for path, value in level.sets.items()}
