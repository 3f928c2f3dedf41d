"""Changes to a JSON document at a place that a number chooses, for tests that edit what is right until it is wrong."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Place = tuple[Any, ...]
Edit = tuple[str, int, str, Any]
"""What is done, a number that says where, a key and a value to do it with."""

KINDS = ("delete", "set", "rename", "add", "append", "swap", "repeat", "as text")


def edits_of(kinds: tuple[str, ...], keys: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Edit]:
    """Edits of some of KINDS."""
    assert set(kinds) <= set(KINDS)
    return st.tuples(st.sampled_from(kinds), st.integers(0, 100_000), st.sampled_from(keys), values)


def places(value: Any, path: Place = ()) -> list[Place]:
    """The paths of everything in `value`, its own first."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in inside for place in places(inner, (*path, key)))]


def kinds_of_places(value: Any) -> list[Place]:
    """As `places`, but those that differ in an index alone count once."""
    return list({tuple(key for key in place if isinstance(key, str)): place for place in places(value)}.values())


def edited(document: Any, edit: Edit, among: Callable[[Any], list[Place]] = places) -> Any:
    """`document`, changed in place at one of the paths `among` it; one that holds nothing becomes the edit's value."""
    kind, number, key, value = edit
    known = among(document)[1:]
    if not known:
        return value
    *above, last = known[number % len(known)]
    parent = _at(document, tuple(above))
    inner = parent[last]
    if kind == "delete":
        del parent[last]
    elif kind == "rename" and isinstance(parent, dict):
        parent[key] = parent.pop(last)
    elif kind == "add" and isinstance(inner, dict):
        inner[key] = value
    elif kind == "append" and isinstance(inner, list):
        inner.append(value)
    elif kind == "swap":
        parent[last] = _copy(_at(document, known[(number // 7) % len(known)]))
    elif kind == "repeat" and isinstance(inner, list):
        inner.extend(_copy(inner))
    elif kind == "as text":
        parent[last] = str(inner)
    else:
        parent[last] = value
    return document


def _at(value: Any, path: Place) -> Any:
    for key in path:
        value = value[key]
    return value


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
