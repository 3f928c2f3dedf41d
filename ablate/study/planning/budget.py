"""Equal training: every variant trains as many steps, or multiply-adds, as the one that it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ablate.data import DATASETS
from ablate.schema import TrainConfig
from ablate.study.planning.variants import Variant, images_of, reference_of, validation_images_of
from ablate.study.reading.load import Study
from ablate.train.length import length_of

COUNTED_IN_EPOCHS = ("staircase", "milestones", "plateau")
SCHEDULING = ("train.schedule", "train.recipe", "train.stop_patience_epochs")


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


def check_searched(study: Study, baseline: Variant) -> None:
    """Raise `StudyError` for a search over networks to which its budget gives other steps than the schedule of
    `baseline` can have, unless a factor has another schedule."""
    levels = {path for factor in study.factors for level in factor.levels for path in level.sets}
    if study.config.budget.on == "macs" and levels.isdisjoint(SCHEDULING):
        assert baseline.train is not None
        _check_stretches(study, baseline.train, f"networks other steps than the {baseline.steps} of the baseline")


def _check_stretches(study: Study, train: TrainConfig, given: str) -> None:
    """`given`: what the budget gives to whom."""
    for field, counts in (("schedule", train.schedule in COUNTED_IN_EPOCHS), ("stop_patience_epochs", True)):
        value = getattr(train, field)
        if counts and value is not None:
            raise study.error(
                ("budget", "on"),
                f"{study.config.budget.on} gives {given}, but train.{field} {value} is counted in epochs; use a "
                "schedule that spans the whole training, such as one_cycle",
            )


def _check_counted(study: Study, variants: Sequence[Variant], macs: Mapping[str, int]) -> None:
    for name in (each.name for each in variants if macs[each.name] == 0):
        raise study.error(
            ("budget", "on"),
            f"the network of variant {name} has 0 multiply-adds, since it has neither convolutions nor linear layers, "
            "so that macs cannot be shared out; use steps",
        )


def _training(variant: Variant, macs: Mapping[str, int]) -> int:
    """Multiply-adds that a step of training is proportional to."""
    assert variant.train is not None
    return macs[variant.name] * variant.train.batch_size


def _with_steps(study: Study, variant: Variant, steps: int) -> Variant:
    train, data = variant.train, variant.data
    assert train is not None
    assert data is not None
    _check_stretches(study, train, f"variant {variant.name} {steps} steps instead of {variant.steps}")
    info = DATASETS[data.name].describe(data)
    settled = train.model_copy(update={"steps": steps, "epochs": None})
    length = length_of(settled, images_of(data, info), validation_images_of(data, info))
    return replace(variant, train=settled, steps=steps, epochs=length.epochs)
