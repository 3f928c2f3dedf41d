"""How long a recipe trains. Free of torch, so that a plan can say it."""

import math
from dataclasses import dataclass

from ablate.errors import DataError
from ablate.schema import TrainConfig
from ablate.train.check import check_recipe


@dataclass(frozen=True)
class Length:
    """Optimizer steps of a recipe on a training set of a given size."""

    steps: int
    steps_per_epoch: int
    warmup: int

    @property
    def epochs(self) -> int:
        """Epochs begun; the last may be cut short."""
        return math.ceil(self.steps / self.steps_per_epoch)

    def of_epoch(self, epoch: int) -> range:
        """The numbers of the steps in `epoch`, both counted from 0."""
        return range(epoch * self.steps_per_epoch, min((epoch + 1) * self.steps_per_epoch, self.steps))


def length_of(recipe: TrainConfig, images: int, validation_images: int) -> Length:
    """Steps of `recipe` over `images` training images, beside `validation_images` that are held out.

    Raises `DataError` for no full batch or an endless warm-up, `StudyError` as `check_recipe` does.
    """
    per_epoch = images // recipe.batch_size
    if per_epoch == 0:
        raise DataError(
            f"train.batch_size: {recipe.batch_size} is more than the {images} training images, "
            f"which make no full batch; choose {images} or less"
        )
    steps = recipe.steps if recipe.steps is not None else (recipe.epochs or 0) * per_epoch
    warmup = round(recipe.warmup_epochs * per_epoch)
    if warmup >= steps:
        raise DataError(
            f"train.warmup_epochs: {recipe.warmup_epochs:g} epochs are {warmup} steps, "
            f"but training ends after {steps}; choose less than {steps / per_epoch:g}"
        )
    check_recipe(recipe, steps, per_epoch, validation_images)
    return Length(steps, per_epoch, warmup)
