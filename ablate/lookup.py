"""Names to things: tables that know their choices, and dotted paths that are imported on first use."""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
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


def on_first_use(package: str, exports: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of `package` for the names in `exports`, name -> what `load_dotted` takes.

    So a command imports what it needs of a package, not all that the package offers.
    """

    def get(name: str) -> Any:
        if name in exports:
            return load_dotted(exports[name])
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
