"""Equal training: every variant trains as many steps, or multiply-adds, as the one that it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ablate.data import DATASETS
from ablate.errors import StudyError
from ablate.study.planning.variants import Variant, images_of, reference_of, validation_images_of
from ablate.study.reading.load import Study
from ablate.train.length import length_of

COUNTED_IN_EPOCHS = ("staircase", "milestones", "plateau")


def budgeted(study: Study, variants: Sequence[Variant], macs: Mapping[str, int]) -> list[Variant]:
    """`variants` with the steps that the study's `budget` gives them; `macs`: of one image, by variant.

    Raises `StudyError` for a schedule that does not stretch with the number of steps, and for a network without
    multiply-adds where these are the budget.
    """
    if study.config.budget.on == "epochs":
        return list(variants)
    return [_as_long_as(reference_of(study, each, variants), each, study, macs) for each in variants]


def _as_long_as(reference: Variant, variant: Variant, study: Study, macs: Mapping[str, int]) -> Variant:
    steps = reference.steps
    if study.config.budget.on == "macs":
        _check_counted(study, (reference, variant), macs)
        steps = max(1, round(_training(reference, macs) / _training(variant, macs) * reference.steps))
    return variant if steps == variant.steps else _with_steps(study, variant, steps)


def _check_counted(study: Study, variants: Sequence[Variant], macs: Mapping[str, int]) -> None:
    for name in (each.name for each in variants if macs[each.name] == 0):
        raise StudyError(
            f"{study.source}: budget.on: macs: the network of variant {name} has 0 multiply-adds, since it has neither "
            "convolutions nor linear layers, so that none can be shared out; use steps"
        )


def _training(variant: Variant, macs: Mapping[str, int]) -> int:
    """Multiply-adds that a step of training is proportional to."""
    assert variant.train is not None
    return macs[variant.name] * variant.train.batch_size


def _with_steps(study: Study, variant: Variant, steps: int) -> Variant:
    train, data = variant.train, variant.data
    assert train is not None
    assert data is not None
    for field, counts in (("schedule", train.schedule in COUNTED_IN_EPOCHS), ("stop_patience_epochs", True)):
        value = getattr(train, field)
        if counts and value is not None:
            raise StudyError(
                f"{study.source}: budget.on: {study.config.budget.on} gives variant {variant.name} {steps} steps "
                f"instead of {variant.steps}, but train.{field} {value} is counted in epochs; use a "
                "schedule that spans the whole training, such as one_cycle"
            )
    info = DATASETS[data.name].describe(data)
    settled = train.model_copy(update={"steps": steps, "epochs": None})
    length = length_of(settled, images_of(data, info), validation_images_of(data, info))
    return replace(variant, train=settled, steps=steps, epochs=length.epochs)
