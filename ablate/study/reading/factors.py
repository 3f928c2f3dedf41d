"""The `factors:` of a study: both ways to write them, their columns in the tables, and what a level's name means."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.errors import ModelError
from ablate.schema import MATCH, UNMATCHED, BuilderConfig, KeyPath, StudyFile
from ablate.schema.columns import is_reserved
from ablate.schema.mistakes import shown, unknown
from ablate.study.reading.document import Document
from ablate.study.reading.levels import Factor, Level
from ablate.study.reading.sections import field_paths, mistakes_of

NAME = re.compile(r"[A-Za-z0-9_-]+")
# A variant is called `factor=level,factor=level`, so a level's name has neither sign in it.
LEVEL_NAME = re.compile(r"[^,=\s]([^,=\n\r]*[^,=\s])?")

# What matching decides of every network.
SETTLED = frozenset({"model.width", "model.channel_multiple"})


@dataclass(frozen=True)
class Base:
    """What the factors change: the file, its configuration, and the folder where the path of a builder begins."""

    document: Document
    config: StudyFile
    folder: Path


def build_factors(base: Base) -> tuple[Factor, ...]:
    """The factors in file order, each level tried on the base configuration; raises `StudyError`."""
    columns = _columns(list(base.config.factors))
    factors = []
    for key, entry in base.config.factors.items():
        _check_column(base.document, key, columns[key])
        levels = _short_form(base, key, entry) if isinstance(entry, list) else _long_form(base, key, entry)
        factors.append(Factor(key, columns[key], levels))
    _check_one_owner(base.document, factors)
    return (*factors, *_matchings(base, factors))


def resolve_levels(
    document: Document, factors: Sequence[Factor], named: Mapping[str, Any], path: KeyPath
) -> dict[str, str]:
    """The `{factor: level}` at `path` as factor column -> level name; raises `StudyError` for an unknown name."""
    by_key = {factor.path_or_name: factor for factor in factors}
    resolved = {}
    for key, value in named.items():
        if key not in by_key:
            raise document.error((*path, key), unknown("factor", key, by_key))
        found = [level.name for level in by_key[key].levels if _means(value, level)]
        if not found:
            names = [level.name for level in by_key[key].levels]
            raise document.error((*path, key), unknown("level", level_name(value), names))
        resolved[by_key[key].column] = found[0]
    return resolved


def level_name(value: Any) -> str:
    """A level's name in the short form: the value as YAML writes it, a list's entries joined by `-`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "-".join(level_name(part) for part in value)
    return str(value)


def _matchings(base: Base, factors: Sequence[Factor]) -> list[Factor]:
    """The factor that several matchings are; raises for a study whose variants cannot be matched."""
    names = [each.on for each in base.config.matchings]
    if names == [UNMATCHED]:
        return []
    for factor in (each for each in factors if each.column == MATCH):
        sentence = f"{MATCH!r} is the factor that `match` stands for; give this one another name"
        raise base.document.error(("factors", factor.path_or_name), sentence)
    if not any(len(factor.levels) > 1 and not factor.is_condition for factor in factors):
        raise base.document.error((MATCH,), "nothing is compared here whose budgets could differ; leave it out")
    for factor in factors:
        for field in sorted(SETTLED & {field for level in factor.levels for field in level.sets}):
            sentence = f"factor {factor.path_or_name!r} varies {field}, which matching settles; leave one of them out"
            raise base.document.error((MATCH,), sentence)
    return [] if len(names) == 1 else [Factor(MATCH, MATCH, tuple(Level(name, name, {}) for name in names))]


def _short_form(base: Base, key: str, values: list[Any]) -> tuple[Level, ...]:
    path: KeyPath = ("factors", key)
    if not values:
        raise base.document.error(path, "a factor needs at least one level, the list is empty")
    levels = tuple(Level(level_name(value), value, {key: value}) for value in values)
    _check_fields(base, levels[0].sets, {key: path})
    for index, level in enumerate(levels):
        _check_level(base, level, (*path, index), {key: (*path, index)})
        _check_new(base.document, level, levels[:index], (*path, index))
    return levels


def _long_form(base: Base, key: str, named: Mapping[str, Mapping[str, Any]]) -> tuple[Level, ...]:
    path: KeyPath = ("factors", key)
    if not named:
        raise base.document.error(path, "a factor needs at least one level, the mapping is empty")
    if not NAME.fullmatch(key):
        raise base.document.error(path, f"{key!r} with named levels needs a name of letters, digits, '_' and '-' only")
    levels = tuple(Level(name, name, sets) for name, sets in named.items())
    for level in levels:
        places = {field: (*path, level.name, field) for field in level.sets}
        _check_fields(base, level.sets, places)
        _check_level(base, level, (*path, level.name), places)
    return levels


def _check_level(base: Base, level: Level, path: KeyPath, fields: Mapping[str, KeyPath]) -> None:
    """Raise for a level that the base configuration cannot take; `fields` is where each field path is written."""
    for mistake in mistakes_of(base.config, level.sets, base.folder, str(path[1])):
        field = _field_of(mistake.path)
        if field in fields:
            raise base.document.error((*fields[field], *mistake.path[2:]), mistake.sentence)
        raise base.document.error(path, f"{mistake.sentence}{_hint(base, field)}")
    if not LEVEL_NAME.fullmatch(level.name):
        raise base.document.error(
            path, f"{shown(level.name)} cannot name a level: ',', '=' and spaces at the ends are taken"
        )


def _hint(base: Base, field: str) -> str:
    """What to do about a field that stands in the base configuration and that a level has no place for."""
    section, _, name = field.partition(".")
    stated = getattr(base.config, section)
    if stated is None or name in ("preset", "builder", "name") or name not in stated.model_dump(exclude_unset=True):
        return ""
    return f"; the study states {field} for every level: move it into the levels that take it, each with a name"


def _field_of(path: KeyPath) -> str:
    """`model.width` of `("model", "width", ...)`."""
    return ".".join(str(part) for part in path[:2])


def _check_fields(base: Base, sets: Mapping[str, Any], places: Mapping[str, KeyPath]) -> None:
    """Raise for a path in `sets` that is no field; `places` is where each is written."""
    try:
        known = field_paths(base.config, sets, base.folder)
    except ModelError as error:
        raise base.document.error(places["model.builder"], str(error)) from None
    for field, place in places.items():
        section, _, name = field.partition(".")
        if field in known or (section == "model" and "model.*" in known and name.isidentifier()):
            continue
        # Besides its arguments a builder can be exchanged for a preset; who mistypes an argument does not mean that.
        offered = [path for path in known if path not in ("model.preset", "model.*") or not _builds(base)]
        choices = [path for path in offered if section == path.split(".")[0]]
        elsewhere = [path for path in offered if (name or section) == path.split(".")[1]]
        raise base.document.error(place, unknown("field", field, elsewhere or choices or offered))


def _builds(base: Base) -> bool:
    return isinstance(base.config.model, BuilderConfig)


def _check_new(document: Document, level: Level, earlier: Sequence[Level], path: KeyPath) -> None:
    if any(_means(level.value, other) for other in earlier):
        raise document.error(path, f"level {level.name!r} is named twice")


def _means(value: Any, level: Level) -> bool:
    """Whether `value` names `level`: by its name, or as an equal number (1 is 1.0, but not true)."""
    numbers = type(value) in (int, float) and type(level.value) in (int, float)
    return level_name(value) == level.name or (numbers and bool(value == level.value))


def _columns(keys: Sequence[str]) -> dict[str, str]:
    """Factor key -> column: the last path part where only one factor has it, else the whole path."""
    last = {key: key.rpartition(".")[2] for key in keys}
    times = Counter(last.values())
    return {key: short if times[short] == 1 else key for key, short in last.items()}


def _check_column(document: Document, key: str, column: str) -> None:
    if is_reserved(column):
        sentence = f"{column!r} is a column of the result tables; give this factor another name and named levels"
        raise document.error(("factors", key), sentence)


def _check_one_owner(document: Document, factors: Sequence[Factor]) -> None:
    owner: dict[str, str] = {}
    for factor in factors:
        for field in {field: None for level in factor.levels for field in level.sets}:
            if owner.setdefault(field, factor.path_or_name) != factor.path_or_name:
                sentence = f"sets {field}, which factor {owner[field]!r} sets already; a field belongs to one factor"
                raise document.error(("factors", factor.path_or_name), sentence)
