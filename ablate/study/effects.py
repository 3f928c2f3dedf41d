"""A factor over a field that no network of the study reads would compare networks with themselves: it is a mistake."""

from collections.abc import Sequence
from typing import Any

from ablate.errors import AblateError
from ablate.models.reading import fields_read
from ablate.models.resolve import resolve
from ablate.schema import KeyPath, ModelConfig
from ablate.study.factors import Base
from ablate.study.levels import Level, apply_levels


def check_effects(base: Base, variants: Sequence[tuple[Level, ...]]) -> None:
    """Raise `StudyError` for a level that sets a model field which no variant with that level has a use for."""
    if all(not field.startswith("model.") for levels in variants for level in levels for field in level.sets):
        return
    read = [_read(base, {path: value for level in levels for path, value in level.sets.items()}) for levels in variants]
    for position, (key, entry) in enumerate(base.config.factors.items()):
        for level in dict.fromkeys(levels[position].name for levels in variants):
            of_level = [at for at, levels in enumerate(variants) if levels[position].name == level]
            sets = variants[of_level[0]][position].sets
            for field in sets:
                if field.startswith("model.") and not any(field in read[at] for at in of_level):
                    place: KeyPath = ("factors", key) if isinstance(entry, list) else ("factors", key, level, field)
                    raise base.document.error(place, _sentence(base, field, sets))


def _read(base: Base, sets: dict[str, Any]) -> set[str]:
    """Paths of the model fields that the variant with `sets` reads; all of them where that cannot be said."""
    try:
        model = apply_levels(base.config, sets, base.folder).model
        if not isinstance(model, ModelConfig):
            return set(sets)
        spec = resolve(model.preset, model.model_dump(exclude_none=True, exclude={"preset"}))
    except AblateError:  # a variant that cannot be is named when the study is planned
        return set(sets)
    return {"model.preset", *(f"model.{field}" for field in fields_read(spec))}


def _sentence(base: Base, field: str, sets: Any) -> str:
    model = apply_levels(base.config, sets, base.folder).model
    name = model.preset if isinstance(model, ModelConfig) else model.builder
    return f"{field} has no effect on {name} with the other fields of this study; leave the factor out"
