"""What a study states to no effect is a mistake.

A factor over a field that no network, or no training, of the study reads would compare variants with themselves, as
would one over a length that the budget settles; a `--set` of what every variant sets otherwise would change nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate.errors import AblateError
from ablate.models.reading import fields_read
from ablate.models.resolve import resolve
from ablate.schema import SECTIONS, KeyPath, ModelConfig, TrainConfig
from ablate.study.reading.factors import Base, level_name
from ablate.study.reading.levels import Factor, Level
from ablate.study.reading.probe import signature_of
from ablate.study.reading.sections import Sections, apply_levels, takes_from_base
from ablate.train.check import decider_of, recipe_fields_read

LENGTHS = ("train.epochs", "train.steps")
VARIED = ("model.", "train.")  # what a data set does not take is refused by name


def check_effects(base: Base, variants: Sequence[tuple[Level, ...]]) -> None:
    """Raise `StudyError` for a level that sets what no variant with that level has a use for, and for such a --set."""
    sets = [{path: value for level in levels for path, value in level.sets.items()} for levels in variants]
    _check_overrides(base, sets)
    if any(field.startswith(VARIED) for each in sets for field in each):
        _check_levels(base, variants, [_read(base, each) for each in sets])


def check_budget(base: Base, factors: Sequence[Factor]) -> None:
    """Raise `StudyError` for a budget where nothing is trained, and for a factor over a length that it settles.

    Under each condition of the data variants train for as long as the baseline there, whose length may be its own.
    """
    budget, document = base.config.budget.on, base.document
    if budget == "epochs":
        return
    if base.config.design == "count":
        raise document.error(("budget",), "design: count trains nothing, whatever its length; leave it out")
    for factor in (each for each in factors if not each.is_condition):
        field = next((field for field in LENGTHS if _varies(factor, field)), None)
        if field is not None:
            sentence = (
                f"varies {field}, but with budget.on {budget} the baseline's length settles every variant's; leave "
                "it out, or use budget.on: epochs"
            )
            raise document.error(("factors", factor.path_or_name), sentence)


def _varies(factor: Factor, field: str) -> bool:
    stated = [level.sets.get(field) for level in factor.levels]
    return any(value != stated[0] for value in stated)


def fields_read_by(base: Base, levels: Sequence[Level]) -> set[str]:
    """Paths of the fields that the variant with `levels` reads; those that it sets where that cannot be said."""
    return _read(base, {path: value for level in levels for path, value in level.sets.items()})


def _check_levels(base: Base, variants: Sequence[tuple[Level, ...]], read: Sequence[set[str]]) -> None:
    """`read` holds for every variant the paths of the fields that it has a use for."""
    for position, (key, entry) in enumerate(base.config.factors.items()):
        for level in dict.fromkeys(levels[position].name for levels in variants):
            of_level = [at for at, levels in enumerate(variants) if levels[position].name == level]
            sets = variants[of_level[0]][position].sets
            for field in _without_effect(sets, [read[at] for at in of_level]):
                place: KeyPath = ("factors", key) if isinstance(entry, list) else ("factors", key, level, field)
                raise base.document.error(place, _sentence(base, field, sets))


def _without_effect(sets: Mapping[str, Any], read: Sequence[set[str]]) -> Iterator[str]:
    # Null only takes back what the base configuration states.
    stated = [field for field, value in sets.items() if field.startswith(VARIED) and value is not None]
    yield from (field for field in stated if not any(field in paths for paths in read))


def _read(base: Base, sets: Mapping[str, Any]) -> set[str]:
    """Paths of the fields that the variant with `sets` reads; all of them where that cannot be said."""
    try:
        sections = apply_levels(base.config, sets, base.folder)
        of_model = _read_of_model(sections, sets, base.folder)
        return {"model.preset", "train.recipe", *of_model, *_read_of_train(sections, sets)}
    except AblateError:  # a variant that cannot be is named when the study is planned
        return set(sets)


def _read_of_model(sections: Sections, sets: Mapping[str, Any], folder: Path) -> set[str]:
    """What a function of the user's does with its arguments is its own affair: it reads them all."""
    model = sections.model
    if not isinstance(model, ModelConfig):
        own = {path for path in sets if path.startswith("model.")}
        return {*own, *(f"model.{name}" for name in signature_of(model.builder, folder).names)}
    spec = resolve(model.preset, model.model_dump(exclude_none=True, exclude={"preset"}))
    return {f"model.{field}" for field in fields_read(spec)}


def _read_of_train(sections: Sections, sets: Mapping[str, Any]) -> set[str]:
    if sections.train is None:  # nothing is trained, whatever is said of it
        return set(sets)
    return {f"train.{field}" for field in recipe_fields_read(sections.train)}


def _sentence(base: Base, field: str, sets: Mapping[str, Any]) -> str:
    sections = apply_levels(base.config, sets, base.folder)
    return f"{field} has no effect {_circumstance(field, sections)}; leave the factor out"


def _circumstance(field: str, sections: Sections) -> str:
    section, _, name = field.partition(".")
    if section == "train" and isinstance(sections.train, TrainConfig):
        decider = decider_of(name)
        return f"with train.{decider} {getattr(sections.train, decider)}"
    model = sections.model
    network = model.preset if isinstance(model, ModelConfig) else model.builder
    return f"on {network} with the other fields of this study"


def _check_overrides(base: Base, variants: Sequence[Mapping[str, Any]]) -> None:
    """Raise for a --set of a field whose value no variant takes over from the base configuration."""
    for path, origin in base.document.origins.items():
        if not origin.startswith("--set ") or len(path) < 2 or path[0] not in SECTIONS:
            continue
        field = f"{path[0]}.{path[1]}"
        if not any(takes_from_base(base.config, sets, field) for sets in variants):
            raise base.document.error(path, _unused(base, field))


def _unused(base: Base, field: str) -> str:
    value = base.document.data[field.partition(".")[0]][field.partition(".")[2]]
    for key, entry in base.config.factors.items():
        if key == field and isinstance(entry, list):
            return f"is a factor of this study, and each of its levels sets it; {_short_advice(key, entry, value)}"
        if isinstance(entry, dict) and field in (named := next(iter(entry.items())))[1]:
            example = f"--set 'factors.{key}.{named[0]}.{field}={json.dumps(value)}'"
            return (
                f"every level of factor {key!r} sets it, so that no variant has this value; change a level, such as "
                f"with {example}, or choose the baseline with --set baseline.{key}=LEVEL"
            )
    return "no variant of this study has this value, since its levels name networks that take nothing over"


def _short_advice(key: str, levels: Sequence[Any], value: Any) -> str:
    name = level_name(value)
    chosen = f"choose the baseline with --set baseline.{key}={name}"
    if name in [level_name(level) for level in levels]:
        return chosen
    return f"make it a level with --set 'factors.{key}={json.dumps([*levels, value])}', and {chosen}"
