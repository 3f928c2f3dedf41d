"""How many steps a recipe takes."""

from typing import Any

import pytest

from ablate.errors import DataError
from ablate.schema import TrainConfig
from ablate.train.length import length_of


def recipe(**fields: Any) -> TrainConfig:
    return TrainConfig(**{"batch_size": 32, **fields})


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
