"""Levels on top of the base configuration: what a variant's sections are, and whether they can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ablate.data import DATASETS
from ablate.errors import StudyError
from ablate.lookup import suggestion
from ablate.models import PRESETS
from ablate.schema import SECTIONS, DataConfig, ModelConfig, Section, SectionError, StudyFile, TrainConfig, validated
from ablate.study.document import dotted
from ablate.study.mistakes import Mistake, mistakes_in, shown, unknown

# What every data set takes; the other fields are in its entry of DATASETS.
COMMON_DATA_FIELDS = ("name", "root", "seed", "train_limit")


@dataclass(frozen=True)
class Level:
    """A value of a factor: its name in tables, the value as the study file has it, and the field paths it sets."""

    name: str
    value: Any
    sets: Mapping[str, Any]


@dataclass(frozen=True)
class Factor:
    """One thing that varies: its key under `factors:`, its column in the tables, and its levels in file order."""

    path_or_name: str
    column: str
    levels: tuple[Level, ...]

    @property
    def is_condition(self) -> bool:
        """Whether it varies the data: variants are compared under equal conditions, never across them."""
        return any(field.startswith("data.") for level in self.levels for field in level.sets)


def apply_levels(config: StudyFile, sets: Mapping[str, Any]) -> tuple[ModelConfig, DataConfig, TrainConfig]:
    """The base configuration with the field paths in `sets` set; raises `StudyError` if they do not go together."""
    sections, mistakes = _applied(config, sets)
    if mistakes:
        levels = ", ".join(f"{path}={shown(value)}" for path, value in sets.items())
        raise StudyError(f"levels {levels} do not go together: {dotted(mistakes[0].path)}: {mistakes[0].sentence}")
    return (
        cast(ModelConfig, sections["model"]),
        cast(DataConfig, sections["data"]),
        cast(TrainConfig, sections["train"]),
    )


def mistakes_of(config: StudyFile, sets: Mapping[str, Any]) -> list[Mistake]:
    """What is wrong with the base configuration once the field paths in `sets` are set."""
    return _applied(config, sets)[1]


def _applied(config: StudyFile, sets: Mapping[str, Any]) -> tuple[dict[str, Section], list[Mistake]]:
    sections: dict[str, Section] = {}
    mistakes: list[Mistake] = []
    for name, section in SECTIONS.items():
        data = {**getattr(config, name).model_dump(), **_own_fields(name, sets)}
        try:
            sections[name] = validated(section, data)
        except SectionError as error:
            mistakes += [Mistake((name, *found.path), found.sentence) for found in mistakes_in(error, data)]
    if not mistakes:
        mistakes = _table_mistakes(cast(ModelConfig, sections["model"]), cast(DataConfig, sections["data"]))
    return sections, mistakes


def _own_fields(section: str, sets: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{section}."
    return {path.removeprefix(prefix): value for path, value in sets.items() if path.startswith(prefix)}


def _table_mistakes(model: ModelConfig, data: DataConfig) -> list[Mistake]:
    """Names that no table holds, and data fields that are stated but that the data set does not take."""
    mistakes = []
    if model.preset not in PRESETS:
        mistakes.append(Mistake(("model", "preset"), unknown("preset", model.preset, PRESETS)))
    if data.name not in DATASETS:
        return [*mistakes, Mistake(("data", "name"), unknown("data set", data.name, DATASETS))]
    allowed = (*COMMON_DATA_FIELDS, *DATASETS[data.name].fields)
    foreign = [field for field in data.model_dump(exclude_none=True) if field not in allowed]
    return mistakes + [
        Mistake(("data", field), f"data set {data.name!r} does not take {field!r}; {suggestion(field, allowed)}")
        for field in foreign
    ]
