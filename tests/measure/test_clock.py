"""The clock: what is recorded, what is not, and when a call counts as steady. Times are made up."""

import gc
from collections.abc import Iterator

import pytest
import torch

from ablate.measure import clock
from ablate.measure.clock import call_seconds, row_seconds, warm_up

CPU = torch.device("cpu")


class Machine:
    """A call whose next run takes what `seconds` says next, and the clocks that show it."""

    def __init__(self, seconds: Iterator[float]) -> None:
        self.now, self.calls, self._seconds = 100.0, 0, seconds
        self.collecting: list[bool] = []

    def __call__(self) -> None:
        self.calls += 1
        self.collecting.append(gc.isenabled())
        self.now += next(self._seconds)

    def time(self) -> float:
        return self.now


@pytest.fixture
def machine_of(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def make(*seconds: float, then: float = 1.0) -> Machine:
        def forever() -> Iterator[float]:
            yield from seconds
            while True:
                yield then

        machine = Machine(forever())
        monkeypatch.setattr(clock.benchmark, "timer", machine.time)
        monkeypatch.setattr(clock.time, "perf_counter", machine.time)
        return machine

    return make


def test_the_first_call_is_not_recorded_and_the_others_fill_the_budget(machine_of) -> None:  # type: ignore[no-untyped-def]
    machine = machine_of(0.125, 0.01, 0.02, 0.03, then=0.04)
    assert call_seconds(machine, CPU, budget_seconds=0.12) == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.04])


def test_three_calls_are_recorded_where_the_budget_is_spent_at_once(machine_of) -> None:  # type: ignore[no-untyped-def]
    machine = machine_of(then=0.125)
    assert call_seconds(machine, CPU, budget_seconds=0.0) == pytest.approx([0.125] * 3)


def test_a_slow_call_is_made_once_and_recorded(machine_of) -> None:  # type: ignore[no-untyped-def]
    machine = machine_of(2.5)
    assert call_seconds(machine, CPU, budget_seconds=0.05) == [2.5]
    assert machine.calls == 1


def test_a_row_fills_the_budget_after_one_call_that_says_how_many_fit(machine_of) -> None:  # type: ignore[no-untyped-def]
    machine = machine_of(0.01, then=0.02)
    assert row_seconds(machine, CPU, budget_seconds=0.05) == pytest.approx(0.02)
    assert machine.calls == 1 + 5


def test_garbage_is_not_collected_meanwhile_and_again_afterwards(machine_of) -> None:  # type: ignore[no-untyped-def]
    assert gc.isenabled()
    machine = machine_of(then=0.01)
    call_seconds(machine, CPU, budget_seconds=0.0)
    row_seconds(machine, CPU, budget_seconds=0.0)
    assert machine.collecting == [False] * machine.calls
    assert gc.isenabled()


class TestWarmUp:
    def test_two_windows_of_five_that_agree_are_steady(self, machine_of) -> None:  # type: ignore[no-untyped-def]
        machine = machine_of(0.05, 0.04, 0.03, 0.02, 0.011, then=0.01)
        warm_up(machine, CPU)
        # The five before the last five must have a median of 0.01 too: calls 4 to 8, of which three have settled.
        assert machine.calls == 13

    def test_what_never_settles_ends_after_a_second(self, machine_of) -> None:  # type: ignore[no-untyped-def]
        machine = machine_of(*(0.01 * 1.5**step for step in range(12)))
        warm_up(machine, CPU)
        total, calls = 0.0, 0
        while total < 1.0:
            total, calls = total + 0.01 * 1.5**calls, calls + 1
        assert machine.calls == calls

    def test_a_slow_call_warms_up_once(self, machine_of) -> None:  # type: ignore[no-untyped-def]
        machine = machine_of(3.0)
        warm_up(machine, CPU)
        assert machine.calls == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_agree_with_the_wall_clock_on_work_that_takes_a_while() -> None:
    device = torch.device("cuda:0")
    matrix = torch.randn(8192, 8192, device=device)
    call = lambda: matrix @ matrix  # noqa: E731
    warm_up(call, device)
    by_events = sorted(call_seconds(call, device, 0.5))
    by_clock = []
    for _ in by_events:
        torch.cuda.synchronize()
        started = clock.time.perf_counter()
        call()
        torch.cuda.synchronize()
        by_clock.append(clock.time.perf_counter() - started)
    middle = len(by_events) // 2
    assert by_events[middle] == pytest.approx(sorted(by_clock)[middle], rel=0.05)
