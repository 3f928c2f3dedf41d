"""Suggestions: they follow from what was tried alone, and find what is best."""

import math

import pytest

from ablate.schema import Range
from ablate.study.search import Tried, suggested

FIELDS = {"train.lr": Range(low=1e-4, high=10.0, log=True), "train.momentum": Range(low=0.0, high=0.99)}


def tried(count: int) -> list[Tried]:
    states = ("complete", "pruned", "diverged", "failed")
    return [
        Tried(
            {"train.lr": 10.0 ** -(number % 4), "train.momentum": 0.1 * (number % 9)},
            states[number % 4],
            None if number % 4 > 1 else 0.1 * number,
            (2.0, 1.0),
        )
        for number in range(count)
    ]


def test_the_same_question_has_the_same_answer() -> None:
    answers = [suggested(FIELDS, tried(12), "maximize", seed) for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]
    assert suggested(FIELDS, tried(24), "maximize", 1) != suggested(FIELDS, tried(20), "maximize", 1)


def test_values_lie_in_their_ranges_with_few_digits() -> None:
    for seed in range(30):
        for name, value in suggested(FIELDS, tried(seed % 13), "maximize", seed).items():
            assert FIELDS[name].low <= value <= FIELDS[name].high
            assert value == float(f"{value:.4g}")


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_it_finds_the_top_of_a_hill(direction: str) -> None:
    """Sixteen trials on one logarithmic axis of five decades come within a third of one of them, which random draws do
    by luck; the median over ten runs is asked, and compared with that of random draws."""
    sign = 1 if direction == "maximize" else -1
    fields = {"train.lr": Range(low=1e-4, high=10.0, log=True)}
    misses = []
    for run in range(10):
        done: list[Tried] = []
        for number in range(16):
            values = suggested(fields, done, direction, 1000 * run + number)  # type: ignore[arg-type]
            score = -sign * math.log10(values["train.lr"] / 0.05) ** 2
            done.append(Tried(values, "complete", score, (1.0,)))
        best = max(done, key=lambda each: sign * (each.score or 0.0))
        misses.append(abs(math.log10(best.values["train.lr"] / 0.05)))
    assert sorted(misses)[5] < 0.1
    assert max(misses) < 1 / 3
