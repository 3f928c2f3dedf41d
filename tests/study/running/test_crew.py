"""Workers that train at once: how their paces add up, by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ablate.executors.contract import Call, CallFailed, Execution
from ablate.study.running.crew import Split, crew, splits


class Fake:
    """A worker that takes as many seconds as it is the how-manieth."""

    made: list["Fake"]

    def __init__(self, execution: Execution, cores: Sequence[int]) -> None:
        self.made.append(self)
        self.execution, self.number, self.closed = execution, len(self.made), False
        self.calls: list[Call] = []

    def run(self, call: Call, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        self.calls.append(call)
        if call.task.get("fails") == self.number:
            raise CallFailed("boom")
        return {"images": 10, "seconds": float(self.number)}

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    fake = type("Made", (Fake,), {"made": []})
    monkeypatch.setattr("ablate.executors.local.LocalWorker", fake)
    return fake.made


def test_the_slowest_counts_for_all(tmp_path: Path, made: list[Fake]) -> None:
    with crew("cpu", tmp_path / "log") as workers:
        assert workers.images_per_second(Split(2, 3), {"steps": 1}) == 2 * 10 / 2.0
    assert [(each.execution.workers, each.execution.threads, each.closed) for each in made] == [(2, 3, True)] * 2
    assert [call.task for each in made for call in each.calls] == [{"steps": 1, "device": "cpu"}] * 2


def test_a_split_has_its_workers_once(tmp_path: Path, made: list[Fake]) -> None:
    with crew("cpu", tmp_path / "log") as workers:
        for split in (Split(1, 2), Split(2, 1), Split(1, 2)):
            workers.images_per_second(split, {})
        assert len(made) == 3


def test_on_a_gpu_one_more_is_added_to_those_there_are(tmp_path: Path, made: list[Fake]) -> None:
    with crew("cuda:0", tmp_path / "log") as workers:
        for count in (1, 2, 3):
            workers.images_per_second(Split(count, 2), {})
        assert [len(each.calls) for each in made] == [3, 2, 1]


def test_one_that_fails_is_no_pace(tmp_path: Path) -> None:
    with crew("cpu", tmp_path / "log") as workers, pytest.raises(CallFailed, match="boom"):
        workers.images_per_second(Split(2, 1), {"fails": 2})


def test_cores_are_shared_out_evenly() -> None:
    assert [str(split) for split in splits(6)] == ["1x6", "2x3", "3x2", "6x1"]
    assert splits(1) == (Split(1, 1),)
