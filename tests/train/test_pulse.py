"""How often a training says that it lives."""

from typing import Any

import pytest

from ablate.train.pulse import Pulse


def test_a_sign_every_few_seconds_and_none_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("ablate.train.pulse.time.monotonic", lambda: now)
    told: list[dict[str, Any]] = []
    pulse = Pulse(told.append)
    for step in range(240):  # a step every eighth of a second
        now = 100.0 + step / 8
        pulse.beat(step, 1000)
    # Five seconds are 40 steps.
    signs = [{"step": step, "steps": 1000, "step_seconds": 0.125} for step in (40, 80, 120, 160, 200)]
    assert told == signs


def test_a_long_step_is_followed_by_one_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("ablate.train.pulse.time.monotonic", lambda: now)
    told: list[dict[str, Any]] = []
    pulse = Pulse(told.append, every_seconds=1.0)
    for now in (7.0, 7.5, 7.9, 8.0):
        pulse.beat(int(10 * now), 100)
    assert [(sign["step"], sign["step_seconds"]) for sign in told] == [(70, None), (80, 0.1)]


def test_where_no_step_is_done_none_has_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while a validation set is scored."""
    clock = iter([0.0, 0.0, 1.0, 2.0])
    monkeypatch.setattr("ablate.train.pulse.time.monotonic", lambda: next(clock))
    told: list[dict[str, Any]] = []
    pulse = Pulse(told.append, every_seconds=1.0)
    for _ in range(3):
        pulse.beat(30, 100)
    assert [sign["step_seconds"] for sign in told] == [None, None]
