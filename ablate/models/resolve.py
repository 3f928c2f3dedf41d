"""Preset and fields to a full spec. Free of torch, but for networks of other packages, which only these know."""

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from importlib import metadata
from typing import Any

from ablate.errors import UnknownName
from ablate.lookup import load_dotted, lookup, suggestion
from ablate.models.presets import (
    MINI_XCEPTION,
    MOBILENET_V1,
    SEPCONV_GUIDE,
    XCEPTION,
    XCEPTION_GUIDE,
    XCEPTION_REPLICATION,
    Preset,
)
from ablate.models.spec import ExternalSpec, ModelSpec

PRESETS: dict[str, Preset] = {
    "mini_xception": MINI_XCEPTION,
    "mobilenet_v1": MOBILENET_V1,
    "sepconv_guide": SEPCONV_GUIDE,
    "xception": XCEPTION,
    "xception_guide": XCEPTION_GUIDE,
    "xception_replication": XCEPTION_REPLICATION,
}

# Packages whose networks can be named, with what they are.
PACKAGES: dict[str, str] = {
    "torchvision/NAME": "a classification network of torchvision: resnet18, inception_v3, efficientnet_b0, ...",
    "timm/NAME": "a network of timm (an extra): legacy_xception, inception_v4, mobilenetv1_100, ...",
}

WITH_AUX_HEADS = ("torchvision/googlenet", "torchvision/inception_v3")

FIELDS: tuple[str, ...] = tuple(field.name for field in dataclass_fields(ModelSpec) if field.name != "preset")


def is_external(preset: str) -> bool:
    """Whether `preset` names a network of another package, known there or not."""
    return preset.partition("/")[0] in ("torchvision", "timm") and "/" in preset


def fields_of(preset: str) -> tuple[str, ...]:
    """The fields of `model:` that `preset` takes."""
    if not is_external(preset):
        return FIELDS
    aux_heads = ("aux_heads",) if preset in WITH_AUX_HEADS else ()
    return (*aux_heads, "dropout", "num_classes", "input_size", "in_channels")


def resolve(preset: str, fields: Mapping[str, object]) -> ModelSpec | ExternalSpec:
    """`preset` with `fields` changed.

    Raises `UnknownName` for an unknown preset or field, `ModelError` for a value that no network can have.
    """
    if is_external(preset):
        load_dotted("ablate.models.external:check_name")(preset)
    defaults = None if is_external(preset) else lookup(PRESETS, preset, "preset").defaults
    for name in fields:
        if name not in fields_of(preset):
            raise UnknownName(f"{preset} has no field {name!r}; {suggestion(name, fields_of(preset))}")
    return _external(preset, fields) if defaults is None else replace(defaults, **fields)  # type: ignore[arg-type]


def _external(preset: str, fields: Mapping[str, Any]) -> ExternalSpec:
    made_for = load_dotted("ablate.models.external:native")(preset)
    stated: dict[str, Any] = {
        "aux_heads": "none" if preset in WITH_AUX_HEADS else None,
        "num_classes": made_for.num_classes,
        "input_size": made_for.input_size,
        **fields,
    }
    return ExternalSpec(preset=preset, version=metadata.version(preset.partition("/")[0]), **stated)
