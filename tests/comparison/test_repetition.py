"""Whether B is A over again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ablate.comparison.matching import match
from ablate.comparison.repetition import Repetition, repetition
from ablate.records import pack_bits

Folder = Callable[..., Any]
Key = Callable[[str, int], str]
THREE = {"spd": {0: 0.5, 1: 0.625, 2: 0.75}}


def repeated(a: Any, b: Any) -> Repetition:
    return repetition(match(a, b).pairs[0], a, b)


def test_equal_records_under_equal_keys_are_identical(folder: Folder) -> None:
    found = repeated(folder("a", THREE), folder("b", THREE))
    assert found == Repetition(seeds=3, unfinished=0, same_key=3, bit_equal=3)
    assert found.is_identical


def test_what_a_trial_takes_in_time_does_not_count(folder: Folder, make_record: Any) -> None:
    metrics = {"accuracy": 0.5, "test_loss": 1.0, "train_images_per_second": 5.0}
    a = folder("a", {"spd": {0: 0.5}}, record={"metrics": {**metrics, "train_seconds": 10.0}})
    b = folder("b", {"spd": {0: 0.5}}, record={"metrics": {**metrics, "train_seconds": 11.0}, "attempts": 2})
    assert repeated(a, b).is_identical


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"accuracy": 0.5, "test_loss": 1.0 + 1e-15, "train_seconds": 1.0, "train_images_per_second": 1.0}},
        {"curve": [{"epoch": 1, "train_loss": 2.5, "train_accuracy": 0.5, "learning_rate": 0.1}]},
        {"curve": []},
        {"correct": pack_bits(np.arange(10_000) >= 5_000)},
        {"state": "diverged"},
    ],
    ids=["loss in the last bit", "curve", "no curve", "other images right", "state"],
)
def test_any_other_bit_is_seen(folder: Folder, change: dict[str, Any]) -> None:
    found = repeated(folder("a", {"spd": {0: 0.5}}), folder("b", {"spd": {0: 0.5}}, record=change))
    assert found == Repetition(seeds=1, unfinished=0, same_key=1, bit_equal=0)
    assert not found.is_identical


def test_two_diverged_trials_without_numbers_can_be_identical(folder: Folder) -> None:
    lost = {"accuracy": 0.1, "test_loss": None, "train_seconds": 1.0, "train_images_per_second": 1.0}
    curve = [{"epoch": 1, "train_loss": None, "train_accuracy": None, "learning_rate": 0.1}]
    diverged = {"state": "diverged", "metrics": lost, "curve": curve}
    a, b = folder("a", {"spd": {0: 0.1}}, record=diverged), folder("b", {"spd": {0: 0.1}}, record=diverged)
    assert repeated(a, b).is_identical


def test_equal_numbers_under_another_key_are_no_repetition(folder: Folder, key_of: Key) -> None:
    keys = {"0": key_of("spd", 0), "1": key_of("other", 1), "2": key_of("other", 2)}
    b = folder("b", THREE, of={"spd": {"keys": keys}})
    assert repeated(folder("a", THREE), b) == Repetition(seeds=3, unfinished=0, same_key=1, bit_equal=1)


def test_an_unfinished_trial_keeps_it_from_being_identical(folder: Folder) -> None:
    found = repeated(folder("a", THREE), folder("b", {"spd": {0: 0.5, 1: 0.625, 2: None}}))
    assert found == Repetition(seeds=3, unfinished=1, same_key=2, bit_equal=2)
    assert not found.is_identical


def test_only_seeds_of_both_count(folder: Folder) -> None:
    more = {"spd": {**THREE["spd"], 3: 0.9, 4: None}}
    assert repeated(folder("a", THREE), folder("b", more)) == Repetition(3, 0, 3, 3)
    none = folder("none", {"spd": {7: 0.5}})
    assert repeated(folder("c", THREE), none) == Repetition(0, 0, 0, 0)
    assert not repeated(folder("c", THREE), none).is_identical
