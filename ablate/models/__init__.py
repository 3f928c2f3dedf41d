"""Networks: from fields to an `nn.Module`. Reading the tables is free of torch; `build` brings it in on first use."""

from typing import Any

from ablate.lookup import load_dotted
from ablate.models.resolve import FIELDS, PRESETS, resolve

__all__ = ["FIELDS", "PRESETS", "build", "resolve"]

_NEEDS_TORCH = {"build": "ablate.models.network:build"}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load_dotted(_NEEDS_TORCH[name])
