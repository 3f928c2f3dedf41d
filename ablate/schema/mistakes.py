"""What is wrong with a study, in plain words: pydantic's findings become sentences that a researcher can act on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ablate.lookup import suggestion
from ablate.schema.section import KeyPath, Section, SectionError, keys_at, validated

LONGEST_SHOWN = 60  # signs of a value or a key


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong: where it stands in the data, and a sentence without the place."""

    path: KeyPath
    sentence: str


@dataclass(frozen=True)
class Place:
    """The value at `path` of `data`, which was to be a `section`."""

    section: type[Section]
    data: Any
    path: KeyPath


# pydantic's error type -> what was expected there; fields in braces come from the error's context.
EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "string_pattern_mismatch": "only letters, digits, '_' and '-'",
    "string_too_short": "text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "path_type": "the path of a folder",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} in the list",
    "too_long": "at most {max_length} in the list",
}


def mistakes_in(error: SectionError, data: Any) -> list[Mistake]:
    """The mistakes of `data`, one for each place: what holds of an inner value makes the outer one's redundant."""
    at: dict[KeyPath, list[Mapping[str, Any]]] = {}
    for detail in error.details:
        at.setdefault(_path_in(data, detail), []).append(detail)
    innermost = [path for path in at if not any(other[: len(path)] == path != other for other in at)]
    return [Mistake(path, _sentence(at[path], Place(error.section, data, path))) for path in innermost]


def said_of(section: type[Section], data: Any, within: KeyPath = ()) -> str:
    """The first thing that keeps `data`, which lies at `within` of its file, from being a `section`; empty if nothing
    does."""
    try:
        validated(section, data)
    except SectionError as error:
        mistake = mistakes_in(error, data)[0]
        return ": ".join(filter(None, [dotted((*within, *mistake.path)), mistake.sentence]))
    return ""


def dotted(path: Iterable[str | int]) -> str:
    """`claims[0].metric` of `("claims", 0, "metric")`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in path).removeprefix(".")


def shown(value: Any) -> str:
    """`value` as a message quotes it: as YAML has it, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def unknown(kind: str, name: Any, choices: Any) -> str:
    """The sentence about a name that its table does not hold."""
    return f"unknown {kind} {shown(name)}; {suggestion(str(name), choices)}"


def _printable(key: str) -> str:
    text = key if key.isprintable() else repr(key)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def _path_in(data: Any, detail: Mapping[str, Any]) -> KeyPath:
    """The detail's location without the names of union members that pydantic puts into it."""
    path: list[str | int] = []
    for part in detail["loc"]:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if inside:
            path.append(part)
            data = data[part]
    if detail["type"] == "missing" and isinstance(detail["loc"][-1], str):
        path.append(detail["loc"][-1])
    return tuple(path)


def _sentence(details: list[Mapping[str, Any]], place: Place) -> str:
    first = details[0]
    special = SENTENCES.get(first["type"])
    if special and len(details) == 1:
        return special(first, place)
    expected = list(dict.fromkeys(_expected(detail) for detail in details))
    return f"expected {' or '.join(expected)}, not {shown(first['input'])}"


def _expected(detail: Mapping[str, Any]) -> str:
    if detail["type"] not in EXPECTED:
        return str(detail["msg"])
    return EXPECTED[detail["type"]].format(**detail.get("ctx", {}))


def _missing(detail: Mapping[str, Any], place: Place) -> str:
    if isinstance(detail["loc"][-1], int):
        return f"expected one more value after {shown(detail['input'])}"
    return f"the key {place.path[-1]!r} is missing"


def _unknown_key(_detail: Mapping[str, Any], place: Place) -> str:
    return unknown("key", place.path[-1], keys_at(place.section, place.data, place.path[:-1]))


def _unknown_value(detail: Mapping[str, Any], _place: Place) -> str:
    return unknown(
        "value", detail["input"], detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
    )


def _own_words(detail: Mapping[str, Any], _place: Place) -> str:
    return str(detail["ctx"]["error"])


SENTENCES: Mapping[str, Callable[[Mapping[str, Any], Place], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _unknown_value,
    "value_error": _own_words,
}
