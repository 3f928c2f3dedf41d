"""How many workers a GPU is worth, by hand from made-up paces; no test here has a GPU."""

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ablate import environment
from ablate.executors.contract import CallFailed
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running import packing
from ablate.study.running.crew import Split
from ablate.study.running.events import Event, GpuShared
from ablate.study.running.packing import workers_worth, worth_of


@pytest.mark.parametrize(
    ("paces", "most", "worth"),
    [
        ([100.0, 180.0, 240.0, 245.0, 900.0], 8, 3),  # what comes after a stop is not looked at
        ([100.0, 104.9], 8, 1),
        ([100.0, 105.0, 111.0, 110.0], 8, 3),
        ([100.0, 200.0, 300.0, 400.0], 2, 2),
        ([100.0], 1, 1),
        ([100.0, 190.0, None], 8, 2),  # a third does not fit
    ],
)
def test_one_more_as_long_as_it_brings_five_percent(paces: list[float | None], most: int, worth: int) -> None:
    def rate(count: int) -> float:
        pace = paces[count - 1]
        if pace is None:
            raise CallFailed("out of memory")
        return pace

    assert workers_worth(rate, most) == worth


class Gpu:
    """A GPU that does 1,000 images a second of a small network whoever shares it, 400 of them for one worker."""

    def __init__(self) -> None:
        self.asked: list[tuple[Split, str]] = []
        self.fails = False

    def images_per_second(self, split: Split, task: Mapping[str, Any]) -> float:
        if self.fails:
            raise CallFailed("no such device")
        self.asked.append((split, task["model"]["downsample"]))
        return min(1000.0, 400.0 * split.workers)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    made = Gpu()

    @contextmanager
    def crew(device: str, log: Path) -> Any:
        yield made

    monkeypatch.setattr(packing, "crew", crew)
    monkeypatch.setattr(environment, "cores", lambda: 16)
    return made


@pytest.fixture
def plan(toy_study: Path, tmp_path: Path) -> Plan:
    return plan_study(load_study(toy_study, ("seeds=9",)), tmp_path / "toy", "cpu")


def test_a_gpu_is_shared_until_it_is_full(gpu: Gpu, plan: Plan, tmp_path: Path) -> None:
    told: list[Event] = []
    assert worth_of(plan, "cuda:0", tmp_path / "log", told.append) == 3
    assert told == [
        GpuShared("cuda:0", count, pytest.approx(pace)) for count, pace in ((1, 400), (2, 800), (3, 1000), (4, 1000))
    ]
    # The smaller network first; each stretch twice, since the first loads; 16 cores for at most 8 workers.
    assert gpu.asked[:4] == [(Split(1, 2), "maxpool")] * 2 + [(Split(1, 2), "strided")] * 2


def test_no_more_workers_than_trials(gpu: Gpu, toy_study: Path, tmp_path: Path) -> None:
    few = plan_study(load_study(toy_study, ("seeds=1",)), tmp_path / "few", "cpu")
    assert worth_of(few, "cuda:0", tmp_path / "log", lambda event: None) == 2


def test_where_nothing_trains_the_trials_are_to_tell(gpu: Gpu, plan: Plan, tmp_path: Path) -> None:
    gpu.fails = True
    assert worth_of(plan, "cuda:0", tmp_path / "log", lambda event: None) == 1


def test_the_smallest_the_middle_and_the_largest_are_judged(plan: Plan) -> None:
    ordered = sorted(plan.variants, key=lambda planned: planned.macs)
    assert packing._judged([ordered[1], ordered[0], ordered[1], ordered[1], ordered[0]]) == [
        ordered[0],
        ordered[1],
        ordered[1],
    ]
    assert packing._judged(ordered[:1]) == ordered[:1]
