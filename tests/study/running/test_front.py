"""Which combinations of a search run again."""

import pytest

from ablate.study.running.front import Worth, front_of

# Accuracy is to be high, multiply-adds low: each is better than the one before in the first and worse in the second.
ACCURACIES = (0.30, 0.50, 0.55, 0.60, 0.90)
FRONT = [Worth(number, {"width": str(number)}, (accuracy, 10.0 * number)) for number, accuracy in enumerate(ACCURACIES)]


@pytest.mark.parametrize(
    ("most", "numbers"),
    [(1, [4]), (2, [4, 0]), (3, [4, 2, 0]), (4, [4, 3, 1, 0]), (5, [4, 3, 2, 1, 0]), (9, [4, 3, 2, 1, 0])],
)
def test_the_best_in_the_first_objective_comes_first_and_the_other_end_last(most: int, numbers: list[int]) -> None:
    assert front_of(FRONT, ["higher", "lower"], most) == numbers


def test_of_an_objective_that_is_to_be_low_the_lowest_is_the_best() -> None:
    turned = [Worth(each.number, each.levels, (each.values[1], each.values[0])) for each in FRONT]
    assert front_of(turned, ["lower", "higher"], 2) == [0, 4]


def test_who_is_beaten_does_not_run_again() -> None:
    beaten = Worth(7, {"width": "7"}, (0.50, 11.0))  # as accurate as the second, and costs more
    assert front_of([*FRONT, beaten], ["higher", "lower"], 9) == [4, 3, 2, 1, 0]


def test_a_combination_is_worth_the_mean_of_its_trials() -> None:
    """The lucky trial of two would beat all; their mean, 0.5 at a cost of 35, is beaten by the second."""
    lucky = [Worth(8, {"width": "8"}, (0.95, 35.0)), Worth(9, {"width": "8"}, (0.05, 35.0))]
    assert front_of([*FRONT, *lucky], ["higher", "lower"], 9) == [4, 3, 2, 1, 0]
    better = [Worth(8, {"width": "8"}, (0.99, 35.0)), Worth(9, {"width": "8"}, (0.93, 35.0))]
    assert front_of([*FRONT, *better], ["higher", "lower"], 9) == [8, 3, 2, 1, 0]


def test_of_one_objective_there_is_one_winner_and_of_nothing_none() -> None:
    assert front_of([Worth(each.number, each.levels, each.values[:1]) for each in FRONT], ["higher"], 3) == [4]
    assert front_of([], ["higher"], 3) == []
