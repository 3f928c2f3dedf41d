"""The `claims:` of a study: each checked against the factors, its levels by name."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablate.errors import UnknownName
from ablate.models.quantities import check_quantity
from ablate.schema import CountClaim, DifferenceClaim, InteractionClaim, KeyPath, StudyFile
from ablate.schema.mistakes import unknown
from ablate.study.reading.document import Document
from ablate.study.reading.factors import resolve_levels
from ablate.study.reading.levels import Factor, network_name, variant_name
from ablate.study.reading.metrics import check_fraction, check_measured

Levels = dict[str, str]


@dataclass(frozen=True)
class Claim:
    """A claim of the study file; `sides`: `better`, `than`, `more_at`, `than_at` as far as it has them, each the path
    (or name) of a factor -> the name of its level."""

    stated: DifferenceClaim | InteractionClaim | CountClaim
    sides: Mapping[str, Levels]


@dataclass(frozen=True)
class _Place:
    """What a claim is checked against, and where the claim stands."""

    document: Document
    config: StudyFile
    factors: Sequence[Factor]
    path: KeyPath


def resolve_claims(document: Document, config: StudyFile, factors: Sequence[Factor]) -> tuple[Claim, ...]:
    """The claims of `config` in file order; raises `StudyError` for the first that cannot be tested as it is stated."""
    times = Counter(claim.id for claim in config.claims)
    for index, claim in enumerate(config.claims):
        if times[claim.id] > 1:
            sentence = f"{times[claim.id]} claims are called {claim.id!r}; each needs its own id"
            raise document.error(("claims", index, "id"), sentence)
    return tuple(
        _resolved(claim, _Place(document, config, factors, ("claims", index)))
        for index, claim in enumerate(config.claims)
    )


def claims_json(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """The claims as plan.json holds them: as stated, with every level by its name, factor by factor."""
    entries = []
    for claim in claims:
        entry = claim.stated.model_dump(mode="json")
        inner = entry["interaction"] if isinstance(claim.stated, InteractionClaim) else entry
        inner.update({side: dict(levels) for side, levels in claim.sides.items()})
        entries.append(entry)
    return entries


def _resolved(stated: DifferenceClaim | InteractionClaim | CountClaim, place: _Place) -> Claim:
    match stated:
        case DifferenceClaim():
            return Claim(stated, _difference(stated, place))
        case InteractionClaim():
            return Claim(stated, _interaction(stated, place))
        case CountClaim():
            return Claim(stated, _count(stated, place))


def _difference(stated: DifferenceClaim, place: _Place) -> dict[str, Levels]:
    _check_trained(place, "better")
    _check_numbers(stated, place)
    return _two_sides(place, "better", stated.better, "than", stated.than)


def _interaction(stated: InteractionClaim, place: _Place) -> dict[str, Levels]:
    _check_trained(place, "interaction")
    _check_numbers(stated, place)
    if place.config.design != "grid":
        sentence = f"needs every combination of levels, so design: grid, not {place.config.design!r}"
        raise place.document.error((*place.path, "interaction"), sentence)
    named, inner = stated.interaction, replace(place, path=(*place.path, "interaction"))
    compared = _two_sides(inner, "better", named.better, "than", named.than)
    taken = dict.fromkeys(compared["than"], "than") | dict.fromkeys(compared["better"], "better")
    for side, levels in (("more_at", named.more_at), ("than_at", named.than_at)):
        for path in levels:
            if path in taken:
                sentence = f"is named by {taken[path]} already; more_at and than_at are about other factors"
                raise place.document.error((*inner.path, side, path), sentence)
    return compared | _distinct_sides(inner, "more_at", named.more_at, "than_at", named.than_at)


def _count(stated: CountClaim, place: _Place) -> dict[str, Levels]:
    if place.config.design != "count":
        sentence = f"counts are compared where design is count; here it is {place.config.design!r}"
        raise place.document.error((*place.path, "count"), sentence)
    named = [(("count",), stated.count)] + [(("readings", at), each) for at, each in enumerate(stated.readings)]
    systems = _systems(place.config, place.factors)
    for inner, counted in named:
        for key, name in (("system", counted.system), ("over", counted.over)):
            if name is not None and name not in systems:
                raise place.document.error((*place.path, *inner, key), unknown("variant", name, systems))
        if counted.quantity is not None:
            _check_quantity(counted.quantity, place, (*place.path, *inner, "quantity"))
    return {}


def _check_quantity(name: str, place: _Place, path: KeyPath) -> None:
    try:
        check_quantity(name)
    except UnknownName as error:
        raise place.document.error(path, str(error)) from None


def _two_sides(
    place: _Place, first: str, first_levels: Mapping[str, Any], second: str, second_levels: Mapping[str, Any]
) -> dict[str, Levels]:
    """Both sides by name; raises `StudyError` where they are alike or compare variants across conditions."""
    sides = _distinct_sides(place, first, first_levels, second, second_levels)
    for factor in place.factors:
        key = factor.path_or_name
        if factor.varies_data and sides[first].get(key) != sides[second].get(key):
            sentence = f"differs from {first} in {key!r}, a condition; variants are compared on equal data"
            raise place.document.error((*place.path, second), sentence)
    return sides


def _distinct_sides(
    place: _Place, first: str, first_levels: Mapping[str, Any], second: str, second_levels: Mapping[str, Any]
) -> dict[str, Levels]:
    """Both sides by name; raises `StudyError` where they are alike. Where a difference is measured may be a condition
    of the data: neither of the two differences crosses it."""
    sides = {side: _by_name(place, side, levels) for side, levels in ((first, first_levels), (second, second_levels))}
    if sides[first] == sides[second]:
        raise place.document.error((*place.path, second), f"names the same levels as {first}; a claim compares two")
    return sides


def _by_name(place: _Place, side: str, levels: Mapping[str, Any]) -> Levels:
    columns = {factor.column: factor.path_or_name for factor in place.factors}
    named = resolve_levels(place.document, place.factors, levels, (*place.path, side))
    return {columns[column]: level for column, level in named.items()}


def _check_trained(place: _Place, key: str) -> None:
    if place.config.design == "count":
        sentence = "design: count trains nothing that could be compared; state a count, or another design"
        raise place.document.error((*place.path, key), sentence)


def _check_numbers(stated: DifferenceClaim | InteractionClaim, place: _Place) -> None:
    if stated.metric is not None:
        check_measured(place.document, place.config, stated.metric, (*place.path, "metric"))
    metric = stated.metric or place.config.primary
    check_fraction(place.document, metric, stated.published_difference, (*place.path, "published_difference"))


def _systems(config: StudyFile, factors: Sequence[Factor]) -> list[str]:
    """The names of all variants: of every combination of levels."""
    if not factors:
        return [network_name(config.model)]
    combinations = itertools.product(*(factor.levels for factor in factors))
    return [
        variant_name({factor.column: level.name for factor, level in zip(factors, levels, strict=True)})
        for levels in combinations
    ]
