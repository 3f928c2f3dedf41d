"""Whether the fields under `tune:` and `search:` can be looked for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ablate.models.spec import FROM_DATA
from ablate.schema import (
    AS_STATED,
    FIRST_REHEARSAL_SEED,
    SEARCHABLE,
    TUNABLE,
    WHOLE,
    BuilderConfig,
    KeyPath,
    Range,
    SearchConfig,
    SeedBlocks,
    StudyFile,
)
from ablate.schema.columns import is_reserved
from ablate.schema.mistakes import unknown
from ablate.study.reading.effects import fields_read_by
from ablate.study.reading.factors import Base
from ablate.study.reading.levels import Factor, Level, sets_of
from ablate.study.reading.probe import signature_of
from ablate.study.reading.sections import apply_levels, mistakes_of, value_at

NUMBERS: Mapping[str, type[int] | type[float]] = {"int": int, "float": float}
"""What an argument of a builder is annotated with, where it can be searched."""


def searchable(config: StudyFile, folder: Path) -> dict[str, type[int] | type[float]]:
    """The fields that a search may range over, and the numbers that they take; `folder` is where a builder's path
    begins."""
    if not isinstance(config.model, BuilderConfig):
        return {path: int if path in WHOLE else float for path in SEARCHABLE}
    arguments = {each["name"]: each["kind"] for each in signature_of(config.model.builder, folder).parameters}
    own = {f"model.{name}": NUMBERS[kind] for name, kind in arguments.items() if kind in NUMBERS}
    others = {path: float for path in TUNABLE if not path.startswith("model.")}
    return {path: kind for path, kind in {**own, **others}.items() if path.removeprefix("model.") not in FROM_DATA}


def check_tuned(base: Base, factors: Sequence[Factor], variants: Sequence[tuple[Level, ...]]) -> None:
    """Raise `StudyError` for a field that a study cannot tune, or to no effect."""
    tune, document = base.config.tune, base.document
    if tune is None:
        return
    if base.config.design == "count":
        raise document.error(("tune",), "design: count trains nothing that could be tuned; leave it out")
    _check_fields(base, ("tune", "fields"), tune.fields, dict.fromkeys(TUNABLE, float), factors, variants)


def check_search(
    base: Base, factors: Sequence[Factor], variants: Sequence[tuple[Level, ...]], baseline: Mapping[str, str]
) -> None:
    """Raise `StudyError` for a search without what it needs, for one that is not asked for, and for its fields.

    `baseline`: factor column -> level name.
    """
    search, document = base.config.search, base.document
    if base.config.design != "search":
        if search is not None:
            sentence = f"is for design: search; here it is {base.config.design!r}"
            raise document.error(("search",), sentence)
        return
    if search is None:
        raise document.error(("search",), "the key 'search' is missing; it says what is looked for, and how long")
    _check_company(base, search, factors)
    _check_columns(base, search, factors)
    _check_fields(base, ("search", "fields"), search.fields, searchable(base.config, base.folder), factors, variants)
    at_baseline = apply_levels(base.config, sets_of(factors, baseline), base.folder)
    for path in search.fields:
        if value_at(at_baseline, path) is None:
            sentence = "the baseline has no value of it, which others could be compared with; state one"
            raise document.error(("search", "fields", path), sentence)


def check_seeds(base: Base, variants: Sequence[tuple[Level, ...]]) -> None:
    """Raise `StudyError` for seeds of final trials that the trials of tuning or search have."""
    config = base.config
    if (config.tune is None and config.search is None) or config.train is None:
        return
    last = config.seeds.at_most - 1 if isinstance(config.seeds, SeedBlocks) else max(config.seed_list)
    stated, path = config.train.seed_offset, "train.seed_offset"
    of_levels = [[level.sets[path] for level in levels if path in level.sets] for levels in variants]
    offset = max(own[0] if own else stated for own in of_levels)
    if last + offset < FIRST_REHEARSAL_SEED:
        return
    trained = f" is trained with {last + offset}, by {path}, which" if offset else ""
    sentence = (
        f"the seed {last}{trained} is one of those from {FIRST_REHEARSAL_SEED} on that trials of "
        f"{'search' if config.tune is None else 'tune'} have; give lower ones"
    )
    raise base.document.error(("seeds",), sentence)


def _check_company(base: Base, search: SearchConfig, factors: Sequence[Factor]) -> None:
    """Raise `StudyError` for what a search does not go with, and for what it does not go without."""
    document = base.document
    for key, stated in (("tune", base.config.tune), ("match", base.config.matchings != (AS_STATED,) or None)):
        if stated is not None:
            raise document.error((key,), "does not go with design: search; bound what it may cost with constraints")
    if not search.fields and not factors:
        raise document.error(("search", "fields"), "nothing is looked for: there are no fields and no factors")
    for factor in factors:
        if factor.varies_data:
            sentence = "varies the data, which design: search does not; make it a study for each"
            raise document.error(("factors", factor.path_or_name), sentence)
    if "latency" in search.objectives and "latency" not in base.config.measure:
        sentence = "latency is looked for but not measured, so that the front would have none; add it to measure"
        raise document.error(("search", "objectives"), sentence)


def _check_columns(base: Base, search: SearchConfig, factors: Sequence[Factor]) -> None:
    """Raise `StudyError` for columns of the tables that would have two meanings."""
    columns = Counter(path.rpartition(".")[2] for path in search.fields)
    for factor in factors:
        if factor.column in columns and factor.path_or_name not in search.fields:
            sentence = f"has the column {factor.column!r} in the tables, as a field that is searched has; rename it"
            raise base.document.error(("factors", factor.path_or_name), sentence)
    for path in search.fields:
        column = path.rpartition(".")[2]
        if is_reserved(column) or columns[column] > 1:
            sentence = f"{column!r} is a column of the result tables already; give the builder's argument another name"
            raise base.document.error(("search", "fields", path), sentence)


def _check_fields(
    base: Base,
    place: KeyPath,
    fields: Mapping[str, Range],
    known: Mapping[str, type[int] | type[float]],
    factors: Sequence[Factor],
    variants: Sequence[tuple[Level, ...]],
) -> None:
    read = set().union(*(fields_read_by(base, levels) for levels in variants))
    for field, spanned in fields.items():
        if field not in known:
            raise base.document.error((*place, field), unknown(f"field to {place[0]}", field, known))
        for factor in factors:
            if any(field in level.sets for level in factor.levels):
                sentence = f"factor {factor.path_or_name!r} sets {field}; a field has one place"
                raise base.document.error((*place, field), sentence)
        for name in ("low", "high"):
            end = end_of(known[field], getattr(spanned, name))
            for mistake in mistakes_of(base.config, {field: end}, base.folder):
                raise base.document.error((*place, field, name), mistake.sentence)
        if field not in read:
            raise base.document.error((*place, field), f"no variant of this study has a use for {field}; leave it out")


def end_of(kind: type[int] | type[float], value: float) -> float | int:
    """`value` as a field of this `kind` takes it: a whole number where it is one, for a field without fractions."""
    return int(value) if kind is int and value == int(value) else value
