"""How long ago the lowest loss was."""

import math

import pytest

from ablate.train.selection import epochs_since_lowest


@pytest.mark.parametrize(
    ("losses", "epochs"),
    [
        ([1.0], 0),
        ([1.0, 2.0], 1),
        ([3.0, 2.0, 1.0], 0),
        ([3.0, 1.0, 2.0, 1.5], 2),
        ([1.0, 1.0, 1.0], 2),  # an equal loss is no lower one
        ([1.0, math.nan, 2.0], 2),
        ([math.nan, 5.0], 0),
        ([math.nan, math.inf], 2),
        ([], 0),
    ],
)
def test_epochs_since_the_lowest(losses: list[float], epochs: int) -> None:
    assert epochs_since_lowest(losses) == epochs
