"""Whether the fields of a recipe go together and do something. Free of torch, so that a plan can say it."""

from itertools import pairwise

from ablate.errors import StudyError
from ablate.schema import TrainConfig

# Schedule -> what it needs in `train:` beside lr and warm-up, each with the fields of which one is to be given.
SETTINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "one_cycle": (),
    "cosine": (),
    "step": (),
    "exponential": (),
    "constant": (),
    "staircase": (("decay_factor",), ("decay_epochs", "decay_images")),
    "milestones": (("decay_factor",), ("milestones",)),
    "plateau": (("decay_factor",), ("patience_epochs",)),
}
# Every such field -> the schedules that read it.
READERS: dict[str, list[str]] = {
    field: [schedule for schedule, needs in SETTINGS.items() if any(field in fields for fields in needs)]
    for needs in SETTINGS.values()
    for fields in needs
    for field in fields
}
# Field that not every recipe reads -> the field that decides it, and the values of that one which read it.
DECIDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "momentum": ("optimizer", ("sgd", "rmsprop")),
    **{field: ("schedule", tuple(schedules)) for field, schedules in READERS.items()},
}


def recipe_fields_read(recipe: TrainConfig) -> tuple[str, ...]:
    """The fields of `train:` that training by `recipe` depends on, or would once they are given."""
    return tuple(name for name in TrainConfig.model_fields if name not in DECIDED or _is_read(name, recipe))


def decider_of(field: str) -> str:
    """The field of `train:` that decides whether `field` is read."""
    return DECIDED[field][0]


def _is_read(field: str, recipe: TrainConfig) -> bool:
    decider, values = DECIDED[field]
    return getattr(recipe, decider) in values


def watches_validation(recipe: TrainConfig) -> bool:
    """Whether training by `recipe` looks at a validation loss after every epoch."""
    return recipe.schedule == "plateau" or recipe.stop_patience_epochs is not None


def check_recipe(recipe: TrainConfig, steps: int, steps_per_epoch: int, validation_images: int) -> None:
    """Raise `StudyError` for a field that `recipe` lacks, does not read, or that could never take effect.

    `steps` is the length of training, `validation_images` how many images are held out of the training subset.
    """
    _check_fields(recipe)
    _check_milestones(recipe, steps / steps_per_epoch)
    if watches_validation(recipe) and validation_images == 0:
        watcher = "schedule plateau" if recipe.schedule == "plateau" else "stop_patience_epochs"
        raise StudyError(
            f"data.validation: holds out no images, but train.{watcher.replace(' ', ': ')} watches a validation loss; "
            "set it, to 0.1 for instance"
        )


def _check_fields(recipe: TrainConfig) -> None:
    schedule = recipe.schedule
    for field, readers in READERS.items():
        if getattr(recipe, field) is not None and schedule not in readers:
            raise StudyError(
                f"train.{field}: schedule {schedule} does not read it; leave it out, or set train.schedule to "
                f"{' or '.join(readers)}"
            )
    for fields in SETTINGS[schedule]:
        given = [field for field in fields if getattr(recipe, field) is not None]
        if not given:
            raise StudyError(f"train.schedule: {schedule} needs train.{' or train.'.join(fields)}; state it")
        if len(given) > 1:
            raise StudyError(
                f"train.{given[1]}: stands beside train.{given[0]}, which says the same; state one of them"
            )


def _check_milestones(recipe: TrainConfig, epochs: float) -> None:
    for before, after in pairwise(recipe.milestones or ()):
        if before >= after:
            raise StudyError(f"train.milestones: {after} stands behind {before}; state them rising")
    for epoch in recipe.milestones or ():
        if epoch >= epochs:
            raise StudyError(
                f"train.milestones: {epoch} is not before the end of training, which takes {epochs:g} epochs; state "
                "other milestones, or more epochs: a recipe is never changed silently"
            )
