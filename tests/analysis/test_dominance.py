"""Whom nobody beats, and what repeats are worth."""

import numpy as np

from ablate.analysis.dominance import mean_of_repeats, unbeaten


def test_of_several_objectives_the_unbeaten_are_found() -> None:
    losses = np.array([[1.0, 3.0, 1.0], [2.0, 2.0, 1.0], [2.0, 3.0, 1.0], [1.0, 3.0, 1.0], [9.0, 9.0, 0.0]])
    # The third is no better than the first anywhere; equals stand together; the last is best in one.
    assert unbeaten(losses).tolist() == [True, True, False, True, True]


def test_what_was_tried_again_is_worth_the_mean_of_its_rows() -> None:
    means = mean_of_repeats(["b", "a", "b", "c", "b"], [[0.9, 5], [0.7, 4], [0.6, 5], [0.1, 2**60], [0.6, 5]])
    assert means == {"b": [0.7, 5.0], "a": [0.7, 4.0], "c": [0.1, 2.0**60]}
    assert list(means) == ["b", "a", "c"]
    # Equal repeats stay what they are, so that they still equal another.
    assert mean_of_repeats(["a", "a", "a"], [[0.7], [0.7], [0.7]]) == {"a": [0.7]}
    assert mean_of_repeats([], []) == {}
