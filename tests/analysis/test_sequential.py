import math

import pytest

from ablate.analysis.sequential import enough, seeds_so_far


@pytest.mark.parametrize(
    ("start", "at_most", "expected"),
    [
        (5, 20, (5, 10, 15, 20)),
        (5, 12, (5, 10, 12)),
        (5, 5, (5,)),
        (5, 6, (5, 6)),
        (1, 3, (1, 2, 3)),
    ],
)
def test_blocks_are_as_large_as_the_first_and_the_last_is_cut(start, at_most, expected):
    assert seeds_so_far(start, at_most) == expected


@pytest.mark.parametrize(("start", "at_most"), [(0, 5), (6, 5)])
def test_blocks_that_cannot_be_are_an_error(start, at_most):
    with pytest.raises(ValueError, match=f"start is {start} and at_most is {at_most}"):
        seeds_so_far(start, at_most)


def test_every_interval_must_be_narrow_enough():
    assert enough([0.004, 0.005], until=0.005)
    assert not enough([0.004, 0.0051], until=0.005)


def test_a_missing_interval_is_not_enough():
    assert not enough([0.001, math.nan], until=0.005)


def test_where_nothing_is_compared_there_is_nothing_to_wait_for():
    assert enough([], until=0.005)
