"""Whole studies with one worker and with two: what of their wall time is overhead, by hand from made-up times."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from ablate.bench import studies
from ablate.bench.studies import Asked, studies_of
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import Study, load_study
from ablate.study.running.crew import SCORE, Crew, Split
from ablate.study.running.options import Options

PACE = {"ways": {"harness": {"images_per_second": 64.0}}}


class Scores(Crew):
    """Workers that score 1,000 images a second each."""

    def __init__(self) -> None:
        pass

    def images_per_second(self, split: Split, task: Mapping[str, Any], function: str = "") -> float:
        assert function == SCORE
        return 1000.0 * split.workers


class Clock:
    """Wall time, which a study moves on: 260 s with one worker, 150 s with two."""

    now = 0.0
    ran: list[tuple[Study, Options]]

    def perf_counter(self) -> float:
        return self.now

    def run(self, study: Study, *, options: Options) -> Any:
        self.ran.append((study, options))
        self.now += {1: 260.0, 2: 150.0}[options.workers or 0]
        return SimpleNamespace(results=SimpleNamespace(trials=pd.DataFrame({"train_seconds": [20.0] * 10})))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    made.ran = []
    monkeypatch.setattr(studies, "time", made)
    monkeypatch.setattr(studies, "run", made.run)
    return made


@pytest.fixture
def found(toy_study: Path, tmp_path: Path, clock: Clock) -> dict[str, Any]:
    asked = Asked(path=toy_study, overrides=("train.lr=0.2",), device="cpu", split=Split(2, 1))
    plan: Plan = plan_study(load_study(toy_study), tmp_path / "toy", "cpu")
    return studies_of(plan, asked, [PACE, PACE], Scores(), lambda told: None)


def test_overhead_is_what_neither_training_nor_scoring_takes(found: dict[str, Any]) -> None:
    """200 s of training; ten times 5,000 images at 1,000 a second are 50 s of scoring."""
    one, two = found["runs"][:2]
    assert (one["workers"], two["workers"]) == (1, 2)
    assert one["overhead_share"] == pytest.approx(1 - 250 / 260)
    assert two["overhead_share"] == pytest.approx(1 - 125 / 150)


def test_the_ratio_is_that_of_trials_an_hour(found: dict[str, Any]) -> None:
    assert found["ratio"] == {"median": pytest.approx(260 / 150), "rounds": [pytest.approx(260 / 150)] * 3}


def test_the_order_turns_from_round_to_round(found: dict[str, Any]) -> None:
    assert [each["workers"] for each in found["runs"]] == [1, 2, 2, 1, 1, 2]


def test_trials_are_cut_to_their_time(found: dict[str, Any], clock: Clock) -> None:
    """Two workers do 64 images a second, a worker a step of 16 in half a second: 30 steps are 15 s."""
    study, options = clock.ran[0]
    assert study.config.train.steps == 30
    assert study.config.train.epochs is None
    assert study.config.train.lr == 0.2
    assert study.config.seeds == 6  # two variants: twelve trials
    assert (found["steps"], found["seeds"]) == (30, 6)
    assert (options.device, options.workers) == ("cpu", 1)
    assert not options.results.exists()  # it was a scratch folder
