"""How many steps a recipe takes."""

from typing import Any

import pytest

from ablate.errors import DataError, StudyError
from ablate.schema import TrainConfig
from ablate.train.length import Length
from ablate.train.length import length_of as length_beside


def recipe(**fields: Any) -> TrainConfig:
    return TrainConfig(**{"batch_size": 32, **fields})


def length_of(recipe: TrainConfig, images: int) -> Length:
    """With no images held out."""
    return length_beside(recipe, images, 0)


def test_epochs_count_full_batches() -> None:
    length = length_of(recipe(epochs=3), 100)
    assert (length.steps, length.steps_per_epoch, length.epochs) == (9, 3, 3)
    assert [list(length.of_epoch(epoch)) for epoch in range(3)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_steps_cut_the_last_epoch() -> None:
    length = length_of(recipe(steps=7), 100)
    assert (length.steps, length.epochs) == (7, 3)
    assert [list(length.of_epoch(epoch)) for epoch in range(3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_fewer_steps_than_an_epoch() -> None:
    length = length_of(recipe(steps=2), 100)
    assert (length.steps, length.epochs, list(length.of_epoch(0))) == (2, 1, [0, 1])


@pytest.mark.parametrize(("epochs", "steps"), [(0.0, 0), (1.0, 3), (0.5, 2), (2.4, 7)])
def test_warm_up_is_rounded_to_steps(epochs: float, steps: int) -> None:
    assert length_of(recipe(epochs=5, warmup_epochs=epochs), 100).warmup == steps


def test_a_batch_as_large_as_the_set_is_one_step() -> None:
    assert length_of(recipe(epochs=2), 32).steps == 2


def test_no_full_batch_is_an_error() -> None:
    with pytest.raises(
        DataError, match=r"train\.batch_size: 32 is more than the 31 training images.*choose 31 or less"
    ):
        length_of(recipe(epochs=1), 31)


def test_a_warm_up_as_long_as_the_training_is_refused() -> None:
    with pytest.raises(DataError, match=r"train\.warmup_epochs: 2 epochs are 6 steps, but training ends after 6"):
        length_of(recipe(epochs=2, warmup_epochs=2.0), 100)


def test_a_recipe_that_does_not_fit_is_refused() -> None:
    fields = {"epochs": 3, "schedule": "milestones", "decay_factor": 0.1, "milestones": [3]}
    with pytest.raises(StudyError, match=r"train\.milestones: 3 is not before the end.*takes 3 epochs"):
        length_of(recipe(**fields), 100)


def test_images_held_out_are_there_to_be_watched() -> None:
    stops = recipe(epochs=3, stop_patience_epochs=2)
    assert length_beside(stops, 100, 10).steps == 9
    with pytest.raises(StudyError, match=r"data\.validation: holds out no images"):
        length_beside(stops, 100, 0)
