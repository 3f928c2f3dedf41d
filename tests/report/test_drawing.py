import numpy as np
import pytest

from ablate.report.document import Estimate
from ablate.report.drawing import (
    apart,
    both_ends,
    called,
    interval,
    levels_alone,
    mean_estimate,
    told,
)


@pytest.mark.parametrize(
    ("most", "kept"), [(2, [0, 9]), (3, [0, 1, 9]), (9, [0, 1, 2, 3, 4, 6, 7, 8, 9]), (12, range(10))]
)
def test_of_many_the_first_and_the_last_are_drawn(most, kept):
    rows = [{"difference": -number} for number in range(10)]
    assert both_ends(rows, most) == [rows[number] for number in kept]


def test_it_is_said_which_are_drawn():
    assert told(3, 3, "the best") == ""
    assert told(3, 9, "the best") == " 3 of 9 are drawn: the best."


@pytest.mark.parametrize(
    ("variant", "baseline", "expected"),
    [
        ("spd", "strided", ("", "spd", "strided")),
        ("segments=1", "segments=depthwise", ("segments", "1", "depthwise")),
        ("noise=8,segments=1", "noise=8,segments=4", ("noise=8, segments", "1", "4")),
        ("a=1,b=2,c=0", "a=0,b=0,c=0", ("c=0", "1, 2", "0, 0")),
        ("a=1", "b=1", ("", "a=1", "b=1")),
    ],
)
def test_both_sides_are_told_apart_by_what_differs(variant, baseline, expected):
    assert apart(variant, baseline) == expected


def test_what_levels_are_of_is_said_where_there_are_several():
    columns = [{"path": "model.downsample", "column": "downsample"}, {"path": "match", "column": "match"}]
    assert called({"factors": columns}) == " Variants are called by their levels of downsample, match."
    assert called({"factors": columns[:1]}) == ""


def test_levels_alone():
    assert levels_alone("mid_activation=none,segments=4") == "none, 4"
    assert levels_alone("spd") == "spd"


def test_an_interval_is_in_the_unit_shown():
    assert interval("accuracy", 0.5, 0.25, 0.75) == Estimate(50.0, 25.0, 75.0)
    assert interval("accuracy", 0.5, float("nan"), float("nan")) == Estimate(50.0)


def test_a_mean_has_the_t_interval_of_what_is_known():
    """Of 1, 2 and 3: 2 ± 4.302653 / sqrt(3), Student's t with 2 degrees of freedom."""
    found = mean_estimate(np.array([1.0, np.nan, 2.0, 3.0]), scale=10)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((20, 20 - 24.84138, 20 + 24.84138), rel=1e-5)
    assert mean_estimate(np.array([np.nan])) is None
    assert mean_estimate(np.array([4.0])) == Estimate(4.0)
