"""Preset and fields to a full spec. Free of torch."""

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace

from ablate.errors import UnknownName
from ablate.lookup import lookup, suggestion
from ablate.models.presets import MINI_XCEPTION, XCEPTION, Preset
from ablate.models.spec import ModelSpec

PRESETS: dict[str, Preset] = {
    "mini_xception": MINI_XCEPTION,
    "xception": XCEPTION,
}

FIELDS: tuple[str, ...] = tuple(field.name for field in dataclass_fields(ModelSpec) if field.name != "preset")


def resolve(preset: str, fields: Mapping[str, object]) -> ModelSpec:
    """`preset` with `fields` changed.

    Raises `UnknownName` for an unknown preset or field, `ModelError` for a value that no network can have.
    """
    defaults = lookup(PRESETS, preset, "preset").defaults
    for name in fields:
        if name not in FIELDS:
            raise UnknownName(f"{preset} has no field {name!r}; {suggestion(name, FIELDS)}")
    return replace(defaults, **fields)  # type: ignore[arg-type]
