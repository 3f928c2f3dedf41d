"""Suggestions: they follow from what was tried alone, and find what is best."""

import math
import statistics
from typing import Any, ClassVar

import pytest

from ablate.schema import Range
from ablate.study.running.proposals import Explorer, suggested
from ablate.study.running.tried import Tried

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


@pytest.mark.parametrize("log", [False, True])
def test_a_narrow_range_has_as_many_values_as_a_wide_one(log: bool) -> None:
    fields = {"train.average_decay": Range(low=0.999, high=0.99999, log=log)}
    found = [suggested(fields, [], "maximize", seed)["train.average_decay"] for seed in range(60)]
    assert all(0.999 <= value <= 0.99999 and value == round(value, 7) for value in found)
    assert len(set(found)) > 55


def test_searches_under_way_propose_what_they_did() -> None:
    """As made when every value was rounded to four digits."""
    ranges = {
        "lr": Range(low=0.01, high=1.0, log=True),
        "width": Range(low=0.25, high=1.5),
        "decay": Range(low=0.8, high=0.999),
    }
    explorer = Explorer({}, ranges, [], ["maximize"], "random", 7)
    assert [explorer.ask() for _ in range(2)] == [
        {"lr": 0.01421, "width": 1.225, "decay": 0.8872},
        {"lr": 0.2799, "width": 1.472, "decay": 0.9072},
    ]


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


class TestAgainstChance:
    """Forty combinations of a tabulated trade-off between accuracy and multiply-adds, twenty seeds."""

    RANGES: ClassVar[dict[str, Range]] = {
        "width": Range(low=0.05, high=1.0),
        "depth": Range(low=0, high=6),
        "lr": Range(low=1e-3, high=3.0, log=True),
    }
    GAINS: ClassVar[dict[str, tuple[float, float]]] = {"strided": (0.5, 1.8), "spd": (0.7, 4.2), "maxpool": (0.6, 1.0)}

    def worth(self, values: dict[str, Any]) -> tuple[float, float]:
        gain, cost = self.GAINS[values["down"]]
        width, depth = values["width"], values["depth"]
        accuracy = gain * (1 - math.exp(-8 * width * (1 + 0.1 * depth))) - 0.02 * abs(depth - 2)
        return accuracy - 0.05 * math.log10(values["lr"] / 0.1) ** 2, cost * width**2 * (1 + 0.2 * depth)

    def hypervolume(self, found: list[tuple[float, float]], worst: float = 5.0) -> float:
        """What lies between the front and no accuracy at `worst` multiply-adds."""
        area, best = 0.0, 0.0
        ordered = sorted((cost, accuracy) for accuracy, cost in found if cost < worst)
        for cost, accuracy in ordered:
            area += max(0.0, accuracy - best) * (worst - cost)
            best = max(best, accuracy)
        return area

    def reached(self, sampler: Any, seed: int) -> float:
        explorer = Explorer({"down": list(self.GAINS)}, self.RANGES, ["depth"], ["maximize", "minimize"], sampler, seed)
        found: list[tuple[float, float]] = []
        for number in range(40):
            found.append(self.worth(explorer.ask()))
            if number >= 3:
                explorer.tell(number - 3, found[number - 3], ())
        return self.hypervolume(found)

    def test_the_hypervolume_by_hand(self) -> None:
        assert self.hypervolume([(0.5, 1.0), (0.4, 2.0), (0.8, 3.0), (0.9, 6.0)]) == pytest.approx(0.5 * 4 + 0.3 * 2)

    @pytest.mark.slow
    @pytest.mark.parametrize(("sampler", "least"), [("tpe", 1.02), ("nsga2", 1.0)])
    def test_it_covers_more_than_chance_does(self, sampler: str, least: float) -> None:
        ratios = [self.reached(sampler, seed) / self.reached("random", seed) for seed in range(20)]
        assert statistics.median(ratios) > least
