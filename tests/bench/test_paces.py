"""How fast a variant trains: rounds, ratios and steps, by hand from made-up paces."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ablate.bench import paces
from ablate.bench.paces import Setup, overall, pace_of
from ablate.executors.contract import CallFailed
from ablate.study.planning.plan import Planned
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running.crew import Crew, Split

SCRIPT = """
import json, sys
task = json.load(open(sys.argv[1]))
seconds = {"channels_last": 2.0, "contiguous": 5.0}[task["layout"]]
for line in sys.stdin:
    print(json.dumps({"images": 100, "seconds": seconds}), flush=True)
"""


class Paced(Crew):
    """Paces by the way, the precision, the layout and the split; of the loop every round's is one higher."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.loops = -2  # before the clock counts

    def images_per_second(self, split: Split, task: Mapping[str, Any], function: str = "") -> float:
        self.asked.append((str(split), dict(task)))
        if task["way"] == "compiled":
            raise CallFailed("no compiler")
        if task["way"] == "harness":
            self.loops += str(split) == "2x1"
            return 90.0 + self.loops if str(split) == "2x1" else 50.0
        return {"fp32": 100.0, "bf16": 30.0}[task["train"]["precision"]] / (1 + (task["layout"] == "contiguous"))


@pytest.fixture
def planned(toy_study: Path, tmp_path: Path) -> Planned:
    """The strided arm of the toy study: fp32, 16 images a step, 200 of small_objects."""
    return plan_study(load_study(toy_study), tmp_path / "toy", "cpu").variants[0]


def setup(folder: Path, script: Path | None = None) -> Setup:
    return Setup(device="cpu", cores=2, split=Split(2, 1), script=script, folder=folder)


def test_the_loop_against_bare_steps_round_by_round(planned: Planned, tmp_path: Path) -> None:
    told: list[str] = []
    found = pace_of(planned, setup(tmp_path), Paced(), told.append)
    assert found["variant"] == "strided"
    assert found["training_macs"] == 3 * planned.macs
    # Fifteen rounds of 91 to 105 against 100: the middle one is 98; by order statistics the 4th and the 12th.
    bare = found["ratios"]["bare"]
    assert bare == {"to": "bare", "median": pytest.approx(0.98), "low": 0.94, "high": 1.02}
    assert list(found["ratios"]) == ["bare"]
    medians = {name: way["images_per_second"] for name, way in found["ways"].items()}
    assert medians == {
        "bare": 100.0,
        "harness": 98.0,
        "bare, bf16": 30.0,
        "bare, contiguous": 50.0,
        "harness, 1x2": 50.0,
    }
    assert [len(way["rounds"]) for way in found["ways"].values()] == [15, 15, 3, 3, 3]


def test_what_cannot_be_measured_is_told_once_and_left_out(planned: Planned, tmp_path: Path) -> None:
    told: list[str] = []
    crew = Paced()
    found = pace_of(planned, setup(tmp_path), crew, told.append)
    assert found["problems"] == {"bare, compiled": "no compiler"}
    assert told[-1] == "strided: bare, compiled could not be measured: no compiler"
    assert sum(task["way"] == "compiled" for _, task in crew.asked) == 1


def test_the_script_counts_in_its_better_layout(planned: Planned, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    found = pace_of(planned, setup(tmp_path, path), Paced(), lambda told: None)
    assert found["ways"]["script, channels_last"]["images_per_second"] == 50.0
    assert found["ways"]["script, contiguous"]["images_per_second"] == 20.0
    script = found["ratios"]["script"]
    # Seven rounds of 91 to 97 against 50.
    assert script == {"to": "script, channels_last", "median": pytest.approx(94 / 50), "low": 91 / 50, "high": 97 / 50}


def test_a_stretch_is_a_plain_training_on_as_many_images(planned: Planned, tmp_path: Path) -> None:
    crew = Paced()
    found = pace_of(planned, setup(tmp_path), crew, lambda told: None)
    # 100 images a second from two workers: 50 each, in two seconds six steps of 16.
    assert found["steps"] == 6
    _, task = crew.asked[-1]
    assert (task["steps"], task["data"]["train_limit"], task["train"]["schedule"]) == (6, 96, "constant")
    assert (task["train"]["epochs"], task["train"]["steps"]) == (1, None)


@pytest.mark.parametrize(
    ("images_per_second", "steps"),
    [(1.0, 4), (50.0, 6), (1e6, 200)],
)
def test_steps_of_a_stretch(planned: Planned, images_per_second: float, steps: int) -> None:
    assert paces._steps(planned, images_per_second) == steps


def test_no_more_steps_than_there_are_images(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paces, "STRETCH_SECONDS", 1e6)
    monkeypatch.setattr(paces, "MOST_STEPS", 10**9)
    assert paces._steps(planned, 50.0) == 5000 // 16 - 2


def test_every_way_comes_first_in_its_turn() -> None:
    ways = [paces.Way(name, 1, lambda: 1.0) for name in "abc"]
    assert ["".join(way.name for way in paces._turned(ways, number)) for number in range(4)] == [
        "abc",
        "bca",
        "cab",
        "abc",
    ]


class TestOverall:
    @staticmethod
    def pace(harness: list[float], script: list[float] | None) -> dict[str, Any]:
        ways = {"harness": {"rounds": harness}, "bare": {"rounds": [100.0] * len(harness)}}
        ratios = {"bare": {"to": "bare"}}
        if script is None:
            return {"ways": ways, "ratios": ratios}
        ways["script, contiguous"] = {"rounds": script}
        return {"ways": ways, "ratios": {**ratios, "script": {"to": "script, contiguous"}}}

    def test_variants_weigh_alike_whatever_their_pace(self) -> None:
        fast, slow = self.pace([400.0, 100.0, 100.0], [100.0]), self.pace([25.0, 25.0, 100.0], [25.0])
        found = overall([fast, slow])
        # Within rounds: sqrt(4 * 1/4) = 1, sqrt(1 * 1/4) = 1/2, 1; the script has one round, of 4 and 1.
        assert found["bare"] == {"median": pytest.approx(1.0), "low": None, "high": None}
        assert found["script"] == {"median": pytest.approx(2.0), "low": None, "high": None}

    def test_what_one_variant_lacks_is_left_out(self) -> None:
        assert list(overall([self.pace([1.0], [1.0]), self.pace([1.0], None)])) == ["bare"]
