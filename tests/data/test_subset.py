import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.data.subset import held_out, training_subset, validation_size
from ablate.errors import DataError

LABELS = np.repeat(np.arange(4), [10, 20, 30, 40])
GOLDEN = [0, 5, 8, 9, 14, 27, 66, 68, 71, 97]  # two of each class of arange(100) % 5


def test_no_limit_takes_every_image() -> None:
    assert training_subset(LABELS, None, seed=0, classes=4).tolist() == list(range(100))


def test_a_limit_of_all_images_takes_every_image() -> None:
    assert training_subset(LABELS, 100, seed=0, classes=4).tolist() == list(range(100))


def test_shares_follow_the_classes_by_largest_remainder() -> None:
    # 10 %, 20 %, 30 %, 40 % of 17 are 1.7, 3.4, 5.1, 6.8: whole parts 1, 3, 5, 6 and two more for .8 and .7.
    chosen = training_subset(LABELS, 17, seed=0, classes=4)
    assert np.bincount(LABELS[chosen]).tolist() == [2, 3, 5, 7]


@given(limit=st.integers(4, 100), seed=st.integers(0, 1000))
def test_indices_are_ascending_distinct_and_exactly_as_many_as_asked(limit: int, seed: int) -> None:
    chosen = training_subset(LABELS, limit, seed, classes=4)
    assert len(chosen) == limit
    assert (np.diff(chosen) > 0).all()
    exact = np.array([0.1, 0.2, 0.3, 0.4]) * limit
    assert (np.abs(np.bincount(LABELS[chosen], minlength=4) - exact) < 1).all()


def test_the_data_seed_alone_decides() -> None:
    labels = np.arange(1000) % 10
    first, again, other = (training_subset(labels, 100, seed, classes=10) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_the_choice_is_the_same_on_every_machine() -> None:
    assert training_subset(np.arange(100) % 5, 10, seed=0, classes=5).tolist() == GOLDEN


def test_a_smaller_subset_of_a_balanced_set_lies_within_a_larger_one() -> None:
    labels = np.arange(1000) % 10
    small, large = (set(training_subset(labels, limit, 3, classes=10).tolist()) for limit in (100, 400))
    assert small < large


def test_more_images_than_there_are_is_an_error() -> None:
    with pytest.raises(DataError, match="train_limit is 101, but the training split has 100 images"):
        training_subset(LABELS, 101, seed=0, classes=4)


def test_fewer_images_than_classes_is_an_error() -> None:
    with pytest.raises(DataError, match="train_limit is 3, fewer than the set's 4 classes"):
        training_subset(LABELS, 3, seed=0, classes=4)


def test_a_validation_split_is_stratified_by_largest_remainder() -> None:
    # 17 of 100: see the shares of a subset above.
    taken = held_out(LABELS, 0.17, seed=0, classes=4)
    assert np.bincount(LABELS[taken]).tolist() == [2, 3, 5, 7]
    assert (np.diff(taken) > 0).all()


@given(share=st.floats(0.05, 0.95), seed=st.integers(0, 1000))
def test_as_many_are_held_out_as_the_share_says(share: float, seed: int) -> None:
    taken = held_out(LABELS, share, seed, classes=4)
    assert len(taken) == validation_size(share, 100, classes=4) == round(100 * share)
    assert (np.abs(np.bincount(LABELS[taken], minlength=4) - np.array([10, 20, 30, 40]) * len(taken) / 100) < 1).all()


def test_who_is_held_out_is_the_data_seeds_choice_and_not_the_subsets() -> None:
    labels = np.arange(1000) % 10
    first, again, other = (held_out(labels, 0.1, seed, classes=10).tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert first != training_subset(labels, 100, 0, classes=10).tolist()


def test_without_a_share_nothing_is_held_out() -> None:
    assert held_out(LABELS, None, seed=0, classes=4).tolist() == []
    assert validation_size(None, 100, classes=4) == 0


@pytest.mark.parametrize(("share", "count", "left"), [(0.03, 3, 97), (0.98, 98, 2)])
def test_a_share_that_starves_a_side_is_an_error(share: float, count: int, left: int) -> None:
    message = rf"data\.validation: {share} of 100 training images holds out {count} and leaves {left}; each.* needs 4"
    with pytest.raises(DataError, match=message):
        held_out(LABELS, share, seed=0, classes=4)
