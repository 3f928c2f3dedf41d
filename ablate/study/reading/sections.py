"""Levels on top of the base configuration: what a variant's sections are, and whether they can be."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.data import DATASETS
from ablate.errors import AblateError, ModelError, StudyError, UnknownName
from ablate.lookup import load_dotted, suggestion
from ablate.models import FIELDS, PRESETS
from ablate.models.resolve import PACKAGES, fields_of, is_external, resolve
from ablate.models.spec import FROM_DATA
from ablate.schema import (
    FIELD_PATHS,
    SECTIONS,
    BuilderConfig,
    DataConfig,
    ModelConfig,
    Section,
    SectionError,
    StudyFile,
    TrainConfig,
    argument_section,
    fields_under,
    validated,
)
from ablate.schema.mistakes import Mistake, dotted, mistakes_in, shown, unknown
from ablate.study.reading.probe import signature_of
from ablate.train.recipes import expanded

# What every data set takes; the other fields are in its entry of DATASETS.
COMMON_DATA_FIELDS = ("name", "root", "seed", "train_limit", "validation")


@dataclass(frozen=True, kw_only=True)
class Sections:
    """A variant's configuration, its recipe spelled out; a study that only counts has no data and no training."""

    model: ModelConfig | BuilderConfig
    data: DataConfig | None = None
    train: TrainConfig | None = None


def apply_levels(config: StudyFile, sets: Mapping[str, Any], folder: Path) -> Sections:
    """The base configuration with the field paths in `sets` set; raises `StudyError` if they do not go together.

    `folder` is where the path of a builder begins.
    """
    sections, mistakes = _applied(config, sets, folder)
    if mistakes:
        levels = ", ".join(f"{path}={shown(value)}" for path, value in sets.items())
        raise StudyError(f"levels {levels} do not go together: {dotted(mistakes[0].path)}: {mistakes[0].sentence}")
    return Sections(**sections)


def mistakes_of(config: StudyFile, sets: Mapping[str, Any], folder: Path, factor: str | None = None) -> list[Mistake]:
    """What is wrong with the base configuration once the field paths in `sets`, a level of `factor`, are set.

    What a builder requires may be left to the levels of the other factors.
    """
    others = [_set_by(key, entry) for key, entry in config.factors.items() if key != factor]
    return _applied(config, sets, folder, set().union(*others))[1]


def takes_from_base(config: StudyFile, sets: Mapping[str, Any], field: str) -> bool:
    """Whether a variant with the field paths in `sets` has the base configuration's value of `field`."""
    section, _, name = field.partition(".")
    return field not in sets and (section != "model" or name in _model_base(config, sets))


def value_at(sections: Sections, path: str) -> float | None:
    """What a variant has of a field that is a number, be it the preset's own; None without a value."""
    section, _, field = path.partition(".")
    model = sections.model
    if section == "train":
        value = getattr(sections.train, field)
    elif isinstance(model, BuilderConfig):
        value = (model.model_extra or {}).get(field)
    else:
        value = getattr(resolve(model.preset, model.model_dump(exclude_none=True, exclude={"preset"})), field)
    return None if value is None else float(value)


def field_paths(config: StudyFile, sets: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Every path that can be set beside `sets`: of a preset's fields, or of the arguments of a builder.

    A builder that takes any keyword has `model.*` among them. Raises `ModelError` for a builder that cannot be read.
    """
    model = _model_stated(config, sets)
    if "builder" not in model or not isinstance(model["builder"], str):
        return FIELD_PATHS
    signature = signature_of(model["builder"], folder)
    arguments = (*signature.names, *(("*",) if signature.open else ()))
    elsewhere = [path for path in FIELD_PATHS if not path.startswith("model.")]
    own = dict.fromkeys(("builder", "preset", *arguments, *FROM_DATA))
    return (*(f"model.{name}" for name in own), *elsewhere)


def _set_by(key: str, entry: list[Any] | Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The field paths that some level of a factor sets."""
    return {key} if isinstance(entry, list) else {field for sets in entry.values() for field in sets}


def _applied(
    config: StudyFile, sets: Mapping[str, Any], folder: Path, given: Collection[str] = ()
) -> tuple[dict[str, Any], list[Mistake]]:
    """The sections with `sets` on top, and what is wrong with them; the field paths in `given` are set elsewhere."""
    try:
        stated = expanded(_stated(config, sets))
    except UnknownName as error:
        return {}, [Mistake(("train", "recipe"), str(error))]
    stated["model"] = _without_foreign(stated["model"], _model_stated(config, sets))
    sections: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, data in stated.items():
        try:
            sections[name] = _validated(name, data, folder, given)
        except SectionError as error:
            mistakes += [Mistake((name, *found.path), found.sentence) for found in mistakes_in(error, data)]
        except ModelError as error:
            mistakes.append(Mistake((name, "builder"), str(error)))
    return sections, mistakes or _table_mistakes(sections)


def _stated(config: StudyFile, sets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the study file states of each section it has, and the levels on top."""
    stated = {"model": _model_stated(config, sets)}
    for name in ("data", "train"):
        section = getattr(config, name)
        own = fields_under(name, sets)
        if section is not None or own:
            stated[name] = {**(section.model_dump(exclude_unset=True) if section is not None else {}), **own}
    return stated


def _model_stated(config: StudyFile, sets: Mapping[str, Any]) -> dict[str, Any]:
    """A level that names another builder, or a preset in place of one, takes over nothing but the input's shape."""
    return {**_model_base(config, sets), **fields_under("model", sets)}


def _model_base(config: StudyFile, sets: Mapping[str, Any]) -> dict[str, Any]:
    base = config.model.model_dump(exclude_unset=True)
    if "model.builder" in sets or ("model.preset" in sets and "builder" in base):
        return {name: value for name, value in base.items() if name in FROM_DATA}
    return base


def _without_foreign(model: dict[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """`model` without what a recipe says of fields that this network does not have."""
    known: tuple[str, ...] = FROM_DATA
    if "builder" not in model:
        known = fields_of(str(model["preset"])) if "preset" in model else FIELDS
    return {name: value for name, value in model.items() if name in known or name in stated}


def _validated(name: str, data: Mapping[str, Any], folder: Path, given: Collection[str]) -> Section:
    if name != "model" or "builder" not in data:
        return validated(SECTIONS[name], data)
    builder = validated(BuilderConfig, data)
    signature = signature_of(builder.builder, folder)
    optional = {*FROM_DATA, *(path.removeprefix("model.") for path in given)}
    parameters = [
        {**each, "required": each["required"] and each["name"] not in optional} for each in signature.parameters
    ]
    arguments = {key: value for key, value in data.items() if key != "builder"}
    names = {each["name"] for each in parameters}
    shape = [{"name": name, "required": False, "kind": "int", "choices": []} for name in FROM_DATA if name not in names]
    validated(argument_section([*parameters, *shape], "allow" if signature.open else "forbid"), arguments)
    return builder


def _table_mistakes(sections: Mapping[str, Any]) -> list[Mistake]:
    """Names that no table holds, and fields that are stated but that the network or the data set does not take."""
    model = sections["model"]
    mistakes = _preset_mistakes(model) if isinstance(model, ModelConfig) else []
    return mistakes + _data_mistakes(sections["data"]) if "data" in sections else mistakes


def _preset_mistakes(model: ModelConfig) -> list[Mistake]:
    preset = model.preset
    if not is_external(preset) and preset not in PRESETS:
        return [Mistake(("model", "preset"), unknown("preset", preset, [*PRESETS, *PACKAGES]))]
    if is_external(preset):
        try:
            load_dotted("ablate.models.external:check_name")(preset)
        except AblateError as error:
            return [Mistake(("model", "preset"), str(error))]
    allowed = fields_of(preset)
    return [
        Mistake(("model", field), f"{preset} has no {field}; {suggestion(field, allowed)}")
        for field in model.model_dump(exclude_none=True, exclude={"preset"})
        if field not in allowed
    ]


def _data_mistakes(data: DataConfig) -> list[Mistake]:
    if data.name not in DATASETS:
        return [Mistake(("data", "name"), unknown("data set", data.name, DATASETS))]
    allowed = (*COMMON_DATA_FIELDS, *DATASETS[data.name].fields)
    foreign = [field for field in data.model_dump(exclude_none=True) if field not in allowed]
    return [
        Mistake(("data", field), f"data set {data.name!r} does not take {field!r}; {suggestion(field, allowed)}")
        for field in foreign
    ]
