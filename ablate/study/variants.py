"""From a study to its variants: which combinations of levels there are, and what each resolves to."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.data import DATASETS
from ablate.data.subset import subset_size
from ablate.data.types import DataInfo
from ablate.errors import AblateError, ModelError, StudyError
from ablate.models.resolve import resolve
from ablate.models.spec import ModelSpec
from ablate.schema import DataConfig, ModelConfig, TrainConfig
from ablate.study.levels import apply_levels
from ablate.study.load import Study
from ablate.train.length import length_of


@dataclass(frozen=True)
class Variant:
    """One combination of levels with everything it resolves to; `levels`: factor -> level name."""

    name: str
    levels: dict[str, str]
    model: ModelSpec
    data: DataConfig
    train: TrainConfig
    steps: int
    epochs: int


def variants_of(study: Study) -> list[Variant]:
    """Every variant of the design, the baseline among them, in the order of the study file's levels."""
    combinations = itertools.product(*(factor.levels for factor in study.factors))
    baseline = study.baseline_levels
    variants = []
    for levels in combinations:
        named = {factor.column: level.name for factor, level in zip(study.factors, levels, strict=True)}
        changes = sum(named[column] != baseline[column] for column in named)
        if study.config.design == "grid" or changes <= 1:
            variants.append(_variant(study, named, {k: v for level in levels for k, v in level.sets.items()}))
    return variants


def baseline_of(study: Study) -> str:
    """The name of the baseline variant; a study without factors has one variant, called after its preset."""
    return _name(study.baseline_levels) if study.factors else study.config.model.preset


def images_of(data: DataConfig, info: DataInfo) -> int:
    """Training images that a variant sees; raises `DataError` for a `train_limit` that cannot be."""
    return subset_size(data.train_limit, info.train_images, info.classes)


def _variant(study: Study, names: dict[str, str], sets: Mapping[str, Any]) -> Variant:
    columns = {factor.column: factor.path_or_name for factor in study.factors}
    name = _name(names) if names else study.config.model.preset
    model, data, train = apply_levels(study.config, sets)
    try:
        info = DATASETS[data.name].describe(data)
        spec = _spec(model, info)
        length = length_of(train, images_of(data, info))
    except AblateError as error:
        raise StudyError(f"{study.source}: variant {name}: {error}") from error
    augment = info.augment if train.augment == "auto" else train.augment
    levels = {columns[column]: level for column, level in names.items()}
    return Variant(name, levels, spec, data, train.model_copy(update={"augment": augment}), length.steps, length.epochs)


def _name(levels: dict[str, str]) -> str:
    """The level if there is one factor, else `factor=level` joined by commas."""
    if len(levels) == 1:
        return next(iter(levels.values()))
    return ",".join(f"{column}={level}" for column, level in levels.items())


def _spec(model: ModelConfig, info: DataInfo) -> ModelSpec:
    """The network for the data: what the data decide comes from them unless stated, and must fit them if stated."""
    stated = model.model_dump(exclude_none=True, exclude={"preset"})
    from_data = {"num_classes": info.classes, "input_size": info.image_size, "in_channels": info.channels}
    spec = resolve(model.preset, {**from_data, **stated})
    if spec.num_classes < info.classes:
        raise ModelError(
            f"model.num_classes: {spec.num_classes} is less than the {info.classes} classes of {info.name}"
        )
    for field in ("input_size", "in_channels"):
        if getattr(spec, field) != from_data[field]:
            raise ModelError(
                f"model.{field}: {getattr(spec, field)} does not fit the images of {info.name}, "
                f"which have {from_data[field]}; leave it out"
            )
    return spec
