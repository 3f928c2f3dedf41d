"""Preset and fields to a full spec. Free of torch, but for networks of other packages, which only these know."""

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from importlib import metadata
from typing import Any

from ablate.errors import ModelError, UnknownName
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
from ablate.schema import ModelConfig, SectionError, validated
from ablate.schema.mistakes import mistakes_in

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
    dropout = ("dropout",) if load_dotted("ablate.models.external:takes_dropout")(preset) else ()
    return (*aux_heads, *dropout, "num_classes", "input_size", "in_channels")


def resolve(preset: str, fields: Mapping[str, object]) -> ModelSpec | ExternalSpec:
    """`preset` with `fields` changed.

    Raises `UnknownName` for an unknown preset or field, `ModelError` for a value that no network can have.
    """
    if is_external(preset):
        load_dotted("ablate.models.external:check_name")(preset)
    defaults = None if is_external(preset) else lookup(PRESETS, preset, "preset").defaults
    for name in fields:
        if name not in fields_of(preset):
            raise UnknownName(f"{preset} has no {name}; {suggestion(name, fields_of(preset))}")
    typed = _typed(preset, fields)
    return _external(preset, typed) if defaults is None else replace(defaults, **typed)


def _typed(preset: str, fields: Mapping[str, object]) -> dict[str, Any]:
    """`fields` as the schema of a study file takes them, without those that are None and keep the preset's value."""
    data = {"preset": preset, **fields}
    try:
        config = validated(ModelConfig, data)
    except SectionError as error:
        mistake = mistakes_in(error, data)[0]
        raise ModelError(f"model.{'.'.join(map(str, mistake.path))}: {mistake.sentence}") from None
    return config.model_dump(exclude_none=True, exclude={"preset"})


def _external(preset: str, fields: Mapping[str, Any]) -> ExternalSpec:
    made_for = load_dotted("ablate.models.external:native")(preset)
    stated: dict[str, Any] = {
        "aux_heads": "none" if preset in WITH_AUX_HEADS else None,
        "num_classes": made_for.num_classes,
        "input_size": made_for.input_size,
        **fields,
    }
    return ExternalSpec(preset=preset, version=metadata.version(preset.partition("/")[0]), **stated)
