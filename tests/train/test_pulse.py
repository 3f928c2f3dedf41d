"""How often a training says that it lives."""

import pytest

from ablate.train.pulse import Pulse


def test_a_sign_every_few_seconds_and_none_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("ablate.train.pulse.time.monotonic", lambda: now)
    told: list[dict[str, int]] = []
    pulse = Pulse(told.append)
    for step in range(240):  # a step every eighth of a second
        now = 100.0 + step / 8
        pulse.beat(step, 1000)
    # Five seconds are 40 steps.
    assert told == [{"step": step, "steps": 1000} for step in (40, 80, 120, 160, 200)]


def test_a_long_step_is_followed_by_one_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("ablate.train.pulse.time.monotonic", lambda: now)
    told: list[dict[str, int]] = []
    pulse = Pulse(told.append, every_seconds=1.0)
    for now in (7.0, 7.5, 7.9, 8.0):
        pulse.beat(int(10 * now), 100)
    assert [sign["step"] for sign in told] == [70, 80]
