"""Trials of tuning and search hold images of the training split out: what they cannot do is said while planning."""

from collections.abc import Sequence

from ablate.data import DATASETS
from ablate.errors import AblateError
from ablate.schema import DataConfig, KeyPath, TrainConfig
from ablate.study.planning.budget import check_searched
from ablate.study.planning.tuned import fields_tuned
from ablate.study.planning.variants import Variant, images_of, validation_images_of
from ablate.study.reading.load import Study
from ablate.train.length import length_of

VALIDATION = 0.1  # of the training split, where the study does not say
WARMUP = "train.warmup_epochs"  # of what can be looked for, the one that not every length of training has room for


def as_rehearsed(data: DataConfig) -> DataConfig:
    """`data` as trials of tuning and search have them, with images held out."""
    return data.model_copy(update={"validation": data.validation or VALIDATION})


def check_rehearsals(study: Study, variants: Sequence[Variant], is_searching: bool) -> None:
    """Raise `StudyError` where a trial of the tuning or search that `variants` are before could not train.

    That is with the values as stated, and at the upper end of the warm-up that is looked for; of a search, what goes
    for the baseline: other combinations may well be such as cannot be.
    """
    for variant in variants:
        if is_searching or variant.awaits:
            _check(study, variant)
        if is_searching:
            check_searched(study, variant)


def check_trains(variant: Variant) -> None:
    """Raise `DataError`, or `StudyError` for its schedule, where a trial of `variant` that holds images out could not
    train."""
    assert variant.data is not None
    assert variant.train is not None
    data = as_rehearsed(variant.data)
    info = DATASETS[data.name].describe(data)
    length_of(variant.train, images_of(data, info), validation_images_of(data, info))


def _check(study: Study, variant: Variant) -> None:
    assert variant.data is not None
    assert variant.train is not None
    rehearsed = as_rehearsed(variant.data)
    key = "tune" if study.config.search is None else "search"
    _check_length(study, variant, rehearsed, variant.train, (key,))
    fields = fields_tuned(study, variant) if study.config.search is None else study.config.search.fields
    if WARMUP in fields:
        longest = variant.train.model_copy(update={"warmup_epochs": fields[WARMUP].high})
        for data in (rehearsed, variant.data):
            _check_length(study, variant, data, longest, (key, "fields", WARMUP, "high"))


def _check_length(study: Study, variant: Variant, data: DataConfig, train: TrainConfig, place: KeyPath) -> None:
    info = DATASETS[data.name].describe(data)
    try:
        length_of(train, images_of(data, info), validation_images_of(data, info))
    except AblateError as error:
        held = "" if data == variant.data else ", which hold images out"
        raise study.error(place, f"its trials of variant {variant.name}{held}: {error}") from error
