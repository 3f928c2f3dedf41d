"""A study whose variants are looked for: the baseline, and what a search has found so far."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ablate.records import digest
from ablate.schema import BuilderConfig, CostConfig, SearchConfig
from ablate.study.reading.factors import level_name
from ablate.study.reading.levels import Factor, Level, sets_of
from ablate.study.reading.load import Study
from ablate.study.reading.probe import signature_of
from ablate.study.reading.sections import apply_levels, value_at
from ablate.study.reading.tunable import end_of, searchable
from ablate.train import TRAINING_VERSION

BUILDER = "model.builder"
EXTENT = ("trials", "front")  # how far a search goes, not where to

Searched = dict[str, Any]
"""What plan.json keeps of a search: its `digest`, the combinations of its `front`, and its `trials`."""


def searched(study: Study, stored: Searched | None) -> tuple[Study, Searched | None]:
    """`study` with what it looks for as factors, and its variants the baseline and what `stored` has found.

    What belongs to another search is not taken over; then, as before one, there is the baseline alone.
    """
    search = study.config.search
    if search is None:
        return study, None
    known = stored if stored is not None and stored["digest"] == identity(study) else None
    base = _baseline(study, search)
    points = [base, *(() if known is None else known["front"])]
    kinds = searchable(study.config, study.source.parent)
    looked_for = [_factor(path, kinds[path], points) for path in search.fields]
    factors = (*stated_factors(study), *looked_for)
    values = {factor.path_or_name: [level.value for level in factor.levels] for factor in looked_for}
    config = study.config.model_copy(update={"factors": {**_stated_levels(study), **values}})
    distinct = tuple({tuple(point.items()): point for point in points}.values())
    return replace(study, config=config, factors=factors, baseline_levels=base, points=distinct), known


def _baseline(study: Study, search: SearchConfig) -> dict[str, str]:
    """The baseline's levels, and the values that it has of the fields that are searched."""
    factors = stated_factors(study)
    levels = {factor.column: study.baseline_levels[factor.column] for factor in factors}
    folder = study.source.parent
    sections, kinds = apply_levels(study.config, sets_of(factors, levels), folder), searchable(study.config, folder)
    values = {path: value for path in search.fields if (value := value_at(sections, path)) is not None}
    return {**levels, **{column_of(path): level_name(end_of(kinds[path], value)) for path, value in values.items()}}


def stated_factors(study: Study) -> list[Factor]:
    """The factors of the study file, which a search joins its fields to."""
    fields = study.config.search.fields if study.config.search else {}
    return [factor for factor in study.factors if factor.path_or_name not in fields]


def identity(study: Study) -> str:
    """Of everything that a search depends on, but for the folder of its data.

    Builders count by their sources, those of levels that are not on the front too.
    """
    return digest(_told(study))


def course_of(study: Study) -> str:
    """Of everything that a search's proposals depend on, and so not of their number, nor of how many of them run again.

    Of two searches with one course the longer begins with the trials of the shorter.
    """
    told = _told(study)
    return digest({**told, "search": {name: each for name, each in told["search"].items() if name not in EXTENT}})


def _told(study: Study) -> dict[str, Any]:
    stated = study.config.model_dump(mode="json", include={"model", "data", "train", "search", "budget"})
    stated["data"].pop("root", None)
    further = {"builders": _builders(study), "timing": _timing(study)}
    told = {name: value for name, value in further.items() if value}
    return {**stated, **told, "factors": _stated_levels(study), "training_version": TRAINING_VERSION}


def outgrown(study: Study, stored: Mapping[str, Any]) -> str:
    """In what the search of `study` is not that of `stored`, a plan.json, gone further; empty where it is."""
    search, before = study.config.search, stored["study"]["search"]
    if search is None:
        return "its variants were found by a search"
    shorter = search.model_copy(update={name: before[name] for name in EXTENT})
    config = study.config.model_copy(update={"search": shorter})
    if identity(replace(study, config=config)) != stored["searched"]["digest"]:
        return "its variants were found by a search under other conditions, such as other ranges"
    less = [name for name in EXTENT if getattr(search, name) < before[name]]
    return f"search.{less[0]} was {before[less[0]]} and is {getattr(search, less[0])}" if less else ""


def timing_of(cost: CostConfig) -> dict[str, Any]:
    """The `batch` and the `mode` that a search times networks with: the first of each."""
    return {"batch": cost.batch_sizes[0], "mode": cost.modes[0]}


def _builders(study: Study) -> dict[str, str]:
    """The digest of every builder that the network or a level names."""
    model, folder = study.config.model, study.source.parent
    base = [model.builder] if isinstance(model, BuilderConfig) else []
    levels = [level.sets for factor in stated_factors(study) for level in factor.levels]
    named = [*base, *(sets[BUILDER] for sets in levels if BUILDER in sets)]
    return {builder: signature_of(builder, folder).digest for builder in named}


def _timing(study: Study) -> dict[str, Any]:
    """How the networks of trials are timed, where they are and not as is usual."""
    assert study.config.search is not None
    timing = timing_of(study.config.cost)
    is_told = "latency" in study.config.search.objectives and timing != timing_of(CostConfig())
    return dict(timing) if is_told else {}


def column_of(path: str) -> str:
    """What the tables call a searched field."""
    return path.rpartition(".")[2]


def _stated_levels(study: Study) -> dict[str, Any]:
    return {factor.path_or_name: study.config.factors[factor.path_or_name] for factor in stated_factors(study)}


def _factor(path: str, kind: type[int] | type[float], points: Sequence[Mapping[str, str]]) -> Factor:
    """The factor of a searched field, with the values that `points` have of it."""
    names = dict.fromkeys(point[column_of(path)] for point in points)
    values = {name: kind(name) for name in names}
    return Factor(path, column_of(path), tuple(Level(name, value, {path: value}) for name, value in values.items()))
