"""Two networks timed in turns."""

from typing import Any

import pytest
import torch

from ablate.measure import beside
from ablate.models.resolve import resolve

CPU = torch.device("cpu")


def model(width: float) -> dict[str, Any]:
    return resolve("mini_xception", {"width": width, "num_classes": 10}).as_task()


def test_they_take_turns_and_each_has_its_median(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine slows down by a half amid it, which the ratio of the medians does not see."""
    asked: list[Any] = []

    def seconds(call: Any, device: torch.device) -> list[float]:
        asked.append(call)
        own = 0.002 if call is asked[0] else 0.004
        return [own * (1.0 if len(asked) <= beside.ROUNDS else 1.5)] * 3

    monkeypatch.setattr(beside, "call_seconds", seconds)
    own, other = beside.latencies_ms(model(0.0625), model(0.125), 1, "eager", CPU)
    assert [call is asked[0] for call in asked] == [True, False] * beside.ROUNDS
    assert (own, other) == (pytest.approx(2.5), pytest.approx(5.0))


def test_the_networks_are_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []

    def seconds(call: Any, device: torch.device) -> list[float]:
        sizes.append(tuple(call().shape))
        return [1.0]

    monkeypatch.setattr(beside, "call_seconds", seconds)
    beside.latencies_ms(model(0.0625), {**model(0.0625), "num_classes": 7}, 3, "eager", CPU)
    assert sizes[:2] == [(3, 10), (3, 7)]
