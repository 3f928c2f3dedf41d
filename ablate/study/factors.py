"""The `factors:` of a study: both ways to write them, their columns in the tables, and what a level's name means."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.schema import FIELD_PATHS, KeyPath, StudyFile
from ablate.study.document import Document
from ablate.study.levels import Factor, Level, mistakes_of
from ablate.study.mistakes import shown, unknown

# Every column of the tables in a results folder that is not a factor.
RESERVED_COLUMNS = frozenset(
    [
        *("variant", "seed", "key", "state", "accuracy", "test_loss", "train_seconds", "train_images_per_second"),
        *("attempts", "error", "environment", "n", "accuracy_mean", "accuracy_sd", "accuracy_ci_low"),
        *("accuracy_ci_high", "params", "macs", "flops", "baseline", "metric", "difference", "ci_low", "ci_high"),
        *("p_value", "p_sign_flip", "p_adjusted", "effect_size", "verdict", "id", "source", "published", "measured"),
        *("epoch", "learning_rate", "train_loss", "train_accuracy", "badges"),
    ]
)
# Columns that come once a batch size or a percentile start with these.
RESERVED_PREFIXES = ("latency_ms", "inference_images_per_second", "memory_mib", "energy_joules")

NAME = re.compile(r"[A-Za-z0-9_-]+")
# A variant is called `factor=level,factor=level`, so a level's name has neither sign in it.
LEVEL_NAME = re.compile(r"[^,=\s]([^,=\n\r]*[^,=\s])?")


def build_factors(document: Document, config: StudyFile) -> tuple[Factor, ...]:
    """The factors in file order, each level tried on the base configuration; raises `StudyError`."""
    columns = _columns(list(config.factors))
    factors = []
    for key, entry in config.factors.items():
        _check_column(document, key, columns[key])
        if isinstance(entry, list):
            levels = _short_form(document, config, key, entry)
        else:
            levels = _long_form(document, config, key, entry)
        factors.append(Factor(key, columns[key], levels))
    _check_one_owner(document, factors)
    return tuple(factors)


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


def _short_form(document: Document, config: StudyFile, key: str, values: list[Any]) -> tuple[Level, ...]:
    path: KeyPath = ("factors", key)
    if not values:
        raise document.error(path, "a factor needs at least one level, the list is empty")
    _check_field(document, key, path)
    levels = tuple(Level(level_name(value), value, {key: value}) for value in values)
    for index, level in enumerate(levels):
        _check_level(document, config, level, (*path, index), {key: (*path, index)})
        _check_new(document, level, levels[:index], (*path, index))
    return levels


def _long_form(
    document: Document, config: StudyFile, key: str, named: Mapping[str, Mapping[str, Any]]
) -> tuple[Level, ...]:
    path: KeyPath = ("factors", key)
    if not named:
        raise document.error(path, "a factor needs at least one level, the mapping is empty")
    if not NAME.fullmatch(key):
        raise document.error(path, f"{key!r} with named levels needs a name of letters, digits, '_' and '-' only")
    levels = tuple(Level(name, name, sets) for name, sets in named.items())
    for level in levels:
        places = {field: (*path, level.name, field) for field in level.sets}
        _check_level(document, config, level, (*path, level.name), places)
    return levels


def _check_level(
    document: Document, config: StudyFile, level: Level, path: KeyPath, fields: Mapping[str, KeyPath]
) -> None:
    """Raise for a level that the base configuration cannot take; `fields` is where each field path is written."""
    for field, place in fields.items():
        _check_field(document, field, place)
    for mistake in mistakes_of(config, level.sets):
        field = _field_of(mistake.path)
        place = (*fields[field], *mistake.path[2:]) if field in fields else path
        raise document.error(place, mistake.sentence)
    if not LEVEL_NAME.fullmatch(level.name):
        raise document.error(
            path, f"{shown(level.name)} cannot name a level: ',', '=' and spaces at the ends are taken"
        )


def _field_of(path: KeyPath) -> str:
    """`model.width` of `("model", "width", ...)`."""
    return ".".join(str(part) for part in path[:2])


def _check_field(document: Document, field: str, path: KeyPath) -> None:
    if field in FIELD_PATHS:
        return
    section, _, name = field.partition(".")
    choices = [known for known in FIELD_PATHS if section == known.split(".")[0]]
    elsewhere = [known for known in FIELD_PATHS if (name or section) == known.split(".")[1]]
    raise document.error(path, unknown("field", field, elsewhere or choices or FIELD_PATHS))


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
    if column in RESERVED_COLUMNS or column.startswith(RESERVED_PREFIXES):
        sentence = f"{column!r} is a column of the result tables; give this factor another name and named levels"
        raise document.error(("factors", key), sentence)


def _check_one_owner(document: Document, factors: Sequence[Factor]) -> None:
    owner: dict[str, str] = {}
    for factor in factors:
        for field in {field: None for level in factor.levels for field in level.sets}:
            if owner.setdefault(field, factor.path_or_name) != factor.path_or_name:
                sentence = f"sets {field}, which factor {owner[field]!r} sets already; a field belongs to one factor"
                raise document.error(("factors", factor.path_or_name), sentence)
