"""From a study to its variants: which combinations of levels there are, and what each resolves to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablate.data import DATASETS
from ablate.data.subset import subset_size, validation_size
from ablate.data.types import DataInfo
from ablate.errors import AblateError, ModelError, StudyError
from ablate.models.resolve import resolve
from ablate.models.spec import FROM_DATA, NetworkSpec
from ablate.schema import AS_STATED, MATCH, BuilderConfig, DataConfig, MatchConfig, ModelConfig, TrainConfig
from ablate.study.reading.levels import Level, combinations, network_name, places_shared, variant_name
from ablate.study.reading.load import Study
from ablate.study.reading.probe import builder_spec
from ablate.study.reading.sections import Sections, apply_levels
from ablate.train.length import length_of


@dataclass(frozen=True)
class Variant:
    """One combination of levels with everything it resolves to; `levels`: factor -> level name.

    One that is only counted has no training, and data only where the study states some. `train` is what every seed has
    alike: `seed_offset` has been taken out of it. `match` is how its width is settled; `also` holds further levels that
    it stands for, since others are compared with it there. `awaits` names the tuning that it waits for, and `tuned`
    says what one has chosen for it (see tuning.py). `image_size`, in pixels, is that of data whose size can be chosen.
    """

    name: str
    levels: dict[str, str]
    model: NetworkSpec
    data: DataConfig | None
    train: TrainConfig | None
    steps: int
    epochs: int
    seed_offset: int = 0
    match: MatchConfig = AS_STATED
    also: tuple[dict[str, str], ...] = ()
    awaits: str = ""
    tuned: Mapping[str, Any] | None = None
    image_size: int | None = None

    def trained_seed(self, seed: int) -> int:
        """What the trial that is planned, and paired, as `seed` is trained with."""
        return seed + self.seed_offset


def variants_of(study: Study) -> list[Variant]:
    """Every variant of the design, the baseline among them, in the order of the study file's levels.

    Of a search it is the baseline alone, until others are found.
    """
    variants = []
    for levels in _combinations(study):
        variant = variant_at(study, levels)
        also = tuple(places_shared(study.factors, levels, study.baseline_levels))
        variants.append(replace(variant, match=_matching(study, variant), also=also))
    return variants


def reference_of(study: Study, variant: Variant, variants: Sequence[Variant]) -> Variant:
    """The one of `variants` that `variant` is compared with: the baseline under the conditions of `variant`, or, where
    that is not in the design, the study's baseline."""
    tested = [factor for factor in study.factors if not factor.is_condition]
    levels = {**variant.levels, **{factor.path_or_name: study.baseline_levels[factor.column] for factor in tested}}
    baseline = baseline_of(study)
    standing = [each for each in variants if levels == each.levels or levels in each.also]
    return next(iter(standing), None) or next(each for each in variants if each.name == baseline)


def variant_at(study: Study, levels: Sequence[Level]) -> Variant:
    """The variant with `levels`, one of each factor of `study`; raises `StudyError` where they do not go together."""
    named = {factor.column: level.name for factor, level in zip(study.factors, levels, strict=True)}
    return _variant(study, named, {path: value for level in levels for path, value in level.sets.items()})


def _combinations(study: Study) -> Iterable[tuple[Level, ...]]:
    points = study.points
    if points is None and study.config.design == "search":  # what it may try need not all go together
        points = (study.baseline_levels,)
    if points is None:
        return combinations(study.config, study.factors, study.baseline_levels)
    by_name = [(factor.column, {level.name: level for level in factor.levels}) for factor in study.factors]
    return [tuple(levels[point[column]] for column, levels in by_name) for point in points]


def baseline_of(study: Study) -> str:
    """The name of the baseline variant; a study without factors has one variant, called after its network."""
    return variant_name(study.baseline_levels) if study.factors else network_name(study.config.model)


def images_of(data: DataConfig, info: DataInfo) -> int:
    """Images that a variant trains on; raises `DataError` for a `train_limit` or `validation` that cannot be."""
    return subset_size(data.train_limit, info.train_images, info.classes) - validation_images_of(data, info)


def validation_images_of(data: DataConfig, info: DataInfo) -> int:
    """Images held out of the training subset; raises `DataError` as `images_of` does."""
    limited = subset_size(data.train_limit, info.train_images, info.classes)
    return validation_size(data.validation, limited, info.classes)


def _matching(study: Study, variant: Variant) -> MatchConfig:
    matchings = study.config.matchings
    if MATCH not in variant.levels:
        return matchings[0]
    return next(each for each in matchings if each.on == variant.levels[MATCH])


def _variant(study: Study, names: dict[str, str], sets: Mapping[str, Any]) -> Variant:
    columns = {factor.column: factor.path_or_name for factor in study.factors}
    name = variant_name(names) if names else network_name(study.config.model)
    sections = apply_levels(study.config, sets, study.source.parent)
    levels = {columns[column]: level for column, level in names.items()}
    try:
        info = None if sections.data is None else DATASETS[sections.data.name].describe(sections.data)
        spec = _spec(sections.model, info, study.source.parent)
        if study.config.design == "count":
            return Variant(name, levels, spec, sections.data, None, steps=0, epochs=0)
        assert info is not None
        return _trained(name, levels, spec, sections, info)
    except AblateError as error:
        raise StudyError(f"{study.source}: variant {name}: {error}") from error


def _trained(name: str, levels: dict[str, str], spec: NetworkSpec, sections: Sections, info: DataInfo) -> Variant:
    data, train = sections.data, sections.train
    assert data is not None
    assert train is not None
    length = length_of(train, images_of(data, info), validation_images_of(data, info))
    augment = info.augment if train.augment == "auto" else train.augment
    settled = train.model_copy(update={"augment": augment, "seed_offset": 0})
    size = info.image_size if "image_size" in DATASETS[data.name].fields else None
    return Variant(name, levels, spec, data, settled, length.steps, length.epochs, train.seed_offset, image_size=size)


def _spec(model: ModelConfig | BuilderConfig, info: DataInfo | None, folder: Path) -> NetworkSpec:
    """The network for the data: what the data decide comes from them unless stated, and must fit them if stated."""
    stated = model.model_dump(exclude_none=True, exclude={"preset", "builder"})
    shape: dict[str, Any] = {}
    if info is not None:
        shape = {"num_classes": info.classes, "input_size": info.image_size, "in_channels": info.channels}
        _check_shape(stated, info)
    if isinstance(model, ModelConfig):
        return resolve(model.preset, {**shape, **stated})
    shape |= {name: value for name, value in stated.items() if name in FROM_DATA}
    # To a function null is a value like any other, which its default may well not be.
    nulls = {name: None for name, value in (model.model_extra or {}).items() if value is None and name not in FROM_DATA}
    return builder_spec(model.builder, {**stated, **nulls}, shape, folder)


def _check_shape(stated: Mapping[str, Any], info: DataInfo) -> None:
    """Raise `ModelError` for a stated number of classes or channels that does not fit the images."""
    if "num_classes" in stated and stated["num_classes"] < info.classes:
        raise ModelError(
            f"model.num_classes: {stated['num_classes']} is less than the {info.classes} classes of {info.name}"
        )
    if "in_channels" in stated and stated["in_channels"] != info.channels:
        raise ModelError(
            f"model.in_channels: {stated['in_channels']} does not fit the images of {info.name}, "
            f"which have {info.channels}; leave it out"
        )
