"""When rounds end, and what becomes of a process that dies. Workers are made up."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.executors.contract import Call, CallFailed, Execution
from ablate.study.running import cost_rounds
from ablate.study.running.cost_rounds import LEAST_ROUNDS, PROCESSES, WANTED_ROUNDS, Asked, spread, take_rounds
from ablate.study.running.events import CostsRound

Round = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], dict[str, Any]]


class Workers:
    """Stand-ins for processes: every call of a round is answered by `answer` and takes `seconds`."""

    def __init__(self) -> None:
        self.tasks: list[tuple[int, dict[str, Any]]] = []
        self.open = 0
        self.now, self.seconds = 0.0, 1.0
        self.answer: Round = lambda task, _: quiet(task)

    def __call__(self, execution: Execution) -> "Worker":
        self.open += 1
        return Worker(self, self.open)


class Worker:
    def __init__(self, all_of_them: Workers, number: int) -> None:
        self._all, self._number = all_of_them, number

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        if call.function == cost_rounds.CONDENSE:
            return {name: {column: len(numbers) for column, numbers in columns.items()} for name, columns in
                    call.task["samples"].items()}  # fmt: skip
        if call.function == cost_rounds.UNCOUNTED:
            return {name: {"aten::add": 2} for name in call.task["variants"]}
        self._all.tasks.append((self._number, call.task))
        self._all.now += self._all.seconds
        return self._all.answer(call.task, on_progress)

    def close(self) -> None:
        self._all.open -= 1


def quiet(task: dict[str, Any], samples: tuple[float, ...] = (1.0,) * 8) -> dict[str, Any]:
    found = {
        name: {"latency_ms_p50": list(samples)} if [name, "latency_ms_p50"] not in task["broken"] else {}
        for name in task["variants"]
    }
    return {"samples": found, "problems": []}


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    made = Workers()
    monkeypatch.setattr(cost_rounds, "LocalWorker", made)
    monkeypatch.setattr(cost_rounds.time, "monotonic", lambda: made.now)
    yield made
    assert made.open == 0  # whatever happened, every process was closed


def asked(*metrics: str, seconds: float = 1000.0) -> Asked:
    setting = {"batch_sizes": [1], "modes": ["eager"], "device": "cpu"}
    return Asked({**setting, "variants": {"a": {}, "b": {}}, "metrics": list(metrics)}, seconds)


def take(what: Asked, told: list[Any] | None = None) -> Any:
    return take_rounds(what, Execution("cpu", 1, 2), Path("costs.log"), (told if told is not None else []).append)


def test_quiet_numbers_end_after_the_rounds_that_an_interval_wants(workers: Workers) -> None:
    told: list[Any] = []
    taken = take(asked("latency"), told)
    assert len(taken.samples) == WANTED_ROUNDS
    assert [number for number, _ in workers.tasks[:4]] == [1, 2, 1, 2]
    assert PROCESSES == 2
    assert [task["seed"] for _, task in workers.tasks] == list(range(WANTED_ROUNDS))
    assert told[2] == CostsRound(3, 999.0)  # the first round of each process is not counted


def test_few_samples_a_round_take_more_rounds_until_there_are_64(workers: Workers) -> None:
    workers.answer = lambda task, _: quiet(task, (1.0,) * 3)
    assert len(take(asked("latency")).samples) == 22


def test_one_number_a_round_needs_no_64(workers: Workers) -> None:
    workers.answer = lambda task, _: quiet(task, (1.0,))
    assert len(take(asked("throughput")).samples) == WANTED_ROUNDS


def test_noisy_numbers_go_on_until_the_time_is_spent(workers: Workers) -> None:
    workers.answer = lambda task, _: quiet(task, (1.0, 1.1, 1.2, 1.3))
    taken = take(asked("latency", seconds=30.0))
    assert len(taken.samples) == PROCESSES + 30
    assert taken.seconds == 30.0


def test_slow_networks_get_the_least_rounds_however_little_time(workers: Workers) -> None:
    workers.seconds = 500.0
    assert len(take(asked("latency", seconds=1.0)).samples) == LEAST_ROUNDS


def test_what_is_the_same_every_time_is_taken_once(workers: Workers) -> None:
    taken = take(asked("memory", "macs"))
    assert len(taken.samples) == 1
    assert taken.uncounted == {"a": {"aten::add": 2}, "b": {"aten::add": 2}}
    workers.tasks.clear()
    take(asked("latency", "memory"))
    assert [task["metrics"] for _, task in workers.tasks[:3]] == [["latency", "memory"], ["latency"], ["latency"]]


def test_a_process_that_dies_over_a_network_costs_that_network_its_column_alone(workers: Workers) -> None:
    def dies_over_b(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        if not task["broken"]:
            report({"variant": "b", "metric": "latency", "column": "latency_ms_p50"})
            raise CallFailed("the worker was killed by signal 9")
        return quiet(task)

    workers.answer = dies_over_b
    taken = take(asked("latency"))
    assert taken.problems == [
        {"variant": "b", "metric": "latency", "column": "latency_ms_p50", "cause": "the worker was killed by signal 9"}
    ]
    assert [task["broken"] for _, task in workers.tasks] == [[], *[[["b", "latency_ms_p50"]]] * WANTED_ROUNDS]
    assert len(taken.samples) == WANTED_ROUNDS
    assert all(round_["b"] == {} for round_ in taken.samples)
    assert set(taken.columns) == {"a", "b"}


def test_a_process_that_dies_over_nothing_known_fails_the_phase(workers: Workers) -> None:
    def dies(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        raise CallFailed("ImportError: no torch")

    workers.answer = dies
    with pytest.raises(CallFailed, match="no torch"):
        take(asked("latency"))


def test_problems_of_later_rounds_end_their_column(workers: Workers) -> None:
    problem = {"variant": "a", "metric": "latency", "column": "latency_ms_p50", "cause": "RuntimeError: out of memory"}

    def fails_in_the_third(task: dict[str, Any], _: object) -> dict[str, Any]:
        found = quiet(task)
        if task["seed"] == 2:
            del found["samples"]["a"]["latency_ms_p50"]
            found["problems"].append(problem)
        return found

    workers.answer = fails_in_the_third
    taken = take(asked("latency"))
    assert taken.problems == [problem]
    assert [len(numbers) for numbers in taken.of("a", "latency_ms_p50")] == [8, 8] + [0] * (WANTED_ROUNDS - 2)


def test_spread_is_the_interquartile_range_over_the_median() -> None:
    assert spread(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx((4 - 2) / 3)
