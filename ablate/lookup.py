"""Names to things: tables that know their choices, and dotted paths that are imported on first use."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ablate.errors import UnknownName

T = TypeVar("T")

# Of a longer list of choices only the nearest are shown.
MOST_LISTED, NEAREST_LISTED = 40, 12


def lookup(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return `table[name]`; an unknown name raises `UnknownName` that lists the choices and the nearest one."""
    if name in table:
        return table[name]
    raise UnknownName(f"unknown {kind} {name!r}; {suggestion(name, table)}")


def suggestion(name: str, choices: Iterable[str]) -> str:
    """The half sentence that ends every unknown-name message: the nearest choice, then all, or the nearest of many."""
    known = sorted(choices)
    listed = f"choices: {_listed(name, known)}" if known else "nothing is allowed here"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}? ({listed})" if close else listed


def _listed(name: str, known: list[str]) -> str:
    if len(known) <= MOST_LISTED:
        return ", ".join(known)
    nearest = difflib.get_close_matches(name, known, n=NEAREST_LISTED, cutoff=0.0)
    return f"{', '.join(nearest)}, ... and {len(known) - len(nearest)} more"


def load_dotted(path: str) -> Any:
    """Import and return what `package.module:attribute` names.

    Tables hold such paths where the thing itself would import torch, so that reading a table never does.
    """
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
