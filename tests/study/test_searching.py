"""A search whose best combinations are known."""

import json
import math
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from engine_functions import SLOPES

from ablate.errors import ResultsError, StudyError
from ablate.models.counts import count
from ablate.models.resolve import resolve
from ablate.records import load_results
from ablate.study import training
from ablate.study.events import StudyStarted, TrialFinished
from ablate.study.load import load_study
from ablate.study.preview import preview

TRIALS = 20
STUDY = f"""\
name: toy
model: {{preset: mini_xception, width: 0.125, middle_depth: 1}}
data: {{name: small_objects, train_limit: 200}}
train: {{epochs: 1, batch_size: 16, precision: fp32}}
factors:
  model.downsample: [strided, spd, maxpool]
baseline: {{model.downsample: strided}}
design: search
search:
  fields: {{model.width: {{low: 0.06, high: 0.3}}, model.middle_depth: {{low: 0, high: 2}}}}
  objectives: [accuracy, params]
  trials: {TRIALS}
  front: 4
seeds: 3
measure: [accuracy]
"""


@pytest.fixture
def slopes(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    (engine.folder / "toy.yaml").write_text(STUDY)
    monkeypatch.setattr(training, "TRIAL", "engine_functions:slope")
    return engine


def found(folder: Path) -> dict[str, Any]:
    searched: dict[str, Any] = json.loads((folder / "plan.json").read_text())["searched"]
    return searched


def worth(levels: dict[str, str]) -> tuple[float, int]:
    """Accuracy and parameters of a combination, worked out anew."""
    width, depth = float(levels["width"]), int(levels["middle_depth"])
    fields = {"width": width, "middle_depth": depth, "downsample": levels["downsample"], "num_classes": 10}
    accuracy = SLOPES[levels["downsample"]] * (1 - math.exp(-8 * width)) + 0.01 * depth
    return accuracy, count(resolve("mini_xception", fields)).params


def test_the_front_runs_over_all_seeds_beside_the_baseline(slopes: Any) -> None:
    outcome = slopes.run(workers=2)
    assert (outcome.missing, outcome.failed) == (0, 0)
    front = found(slopes.results)["front"]
    assert 2 <= len(front) <= 4
    names = [each["variant"] for each in slopes.plan()["variants"]]
    assert names[0] == slopes.plan()["baseline"] == "downsample=strided,width=0.125,middle_depth=1"
    assert names[1:] == [",".join(f"{column}={level}" for column, level in each.items()) for each in front]
    splits = [line.split()[0] for line in (slopes.results / "scored").read_text().splitlines()]
    assert Counter(splits) == {"validation": TRIALS, "test": 3 * len(names)}
    assert splits.index("test") == TRIALS
    phases = [event.phase for event in slopes.events if isinstance(event, StudyStarted)]
    assert phases == ["search", "training"]


def test_no_combination_that_was_tried_is_better_in_everything(slopes: Any) -> None:
    slopes.run()
    tried = [worth(each["levels"]) for each in found(slopes.results)["trials"]]
    assert len(tried) == TRIALS
    for accuracy, params in (worth(each) for each in found(slopes.results)["front"]):
        assert not any(a >= accuracy - 2e-4 and p <= params and (a > accuracy + 2e-4 or p < params) for a, p in tried)


def test_what_a_constraint_forbids_is_not_trained(slopes: Any) -> None:
    slopes.run("search.constraints=[params <= 120_000, macs >= 1e6]")
    searched = found(slopes.results)
    states = Counter(each["state"] for each in searched["trials"])
    assert states["complete"] == TRIALS
    assert states["infeasible"] > 0
    for each in searched["trials"]:
        assert (worth(each["levels"])[1] <= 120_000) == (each["state"] == "complete")
    assert all(worth(each)[1] <= 120_000 for each in searched["front"])


@pytest.mark.parametrize("sampler", ["nsga2", "random"])
def test_other_samplers_search_too(slopes: Any, sampler: str) -> None:
    outcome = slopes.run(f"search.sampler={sampler}", "search.front=2", "seeds=1")
    assert outcome.missing == 0
    assert len(found(slopes.results)["front"]) == 2


def test_one_objective_has_one_winner(slopes: Any) -> None:
    slopes.run("search.objectives=[accuracy]")
    (best,) = found(slopes.results)["front"]
    tried = [worth(each["levels"])[0] for each in found(slopes.results)["trials"]]
    assert worth(best)[0] == pytest.approx(max(tried), abs=2e-4)


@pytest.mark.slow
class TestStopped:
    @pytest.fixture
    def undisturbed(self, slopes: Any) -> dict[str, Any]:
        slopes.run()
        return found(slopes.results.rename(slopes.folder / "undisturbed"))

    def test_two_workers_find_what_one_does(self, slopes: Any, undisturbed: dict[str, Any]) -> None:
        slopes.run(workers=2)
        assert found(slopes.results) == undisturbed

    @pytest.mark.parametrize("finished", [1, 7, 15])
    def test_interrupted_while_searching(self, slopes: Any, undisturbed: dict[str, Any], finished: int) -> None:
        left = [finished]

        def interrupt(event: Any) -> None:
            if isinstance(event, TrialFinished):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            slopes.observe(interrupt).run(workers=2)
        assert "searched" not in slopes.plan()
        assert load_results(slopes.results).trials.empty
        slopes.run(workers=2)
        assert found(slopes.results) == undisturbed

    def test_a_finished_study_does_not_search_again(self, slopes: Any) -> None:
        slopes.run()
        before = (slopes.results / "plan.json").read_text()
        assert slopes.run().work == "none"
        assert (slopes.results / "plan.json").read_text() == before

    def test_another_search_is_another_study(self, slopes: Any) -> None:
        slopes.run()
        with pytest.raises(ResultsError, match="another study called 'toy'"):
            slopes.run("search.trials=8")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["design=grid"], "search: is for design: search; here it is 'grid'"),
        (["search.fields={model.widht: {low: 0.1, high: 0.2}}"], "unknown field to search 'model.widht'; did you mean"),
        (
            ["search.fields={model.middle_depth: {low: 0.5, high: 2}}"],
            "low: expected a whole number, not 0.5",
        ),
        (
            ["search.constraints=[parms < 3]"],
            "'parms < 3' is no constraint; write params or macs, <= or",
        ),
        (["search.objectives=[latency]"], "unknown value 'latency'; choices: accuracy, macs, params, test_loss"),
        (["match=macs"], "match: does not go with design: search; bound what it may cost with constraints"),
        (["search.trials=1"], "search.trials: expected a number of at least 2, not 1"),
        (
            ["factors={model.width: [0.1, 0.2]}", "baseline={model.width: 0.1}"],
            "factor 'model.width' sets model.width",
        ),
    ],
)
def test_a_wrong_search_is_one_sentence(slopes: Any, overrides: list[str], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        load_study(slopes.folder / "toy.yaml", overrides)


def test_a_search_asks_for_its_section(slopes: Any) -> None:
    text = STUDY[: STUDY.index("search:\n")] + "seeds: 3\n"
    (slopes.folder / "toy.yaml").write_text(text)
    with pytest.raises(StudyError, match="search: the key 'search' is missing"):
        load_study(slopes.folder / "toy.yaml")


def test_the_plan_says_what_comes_first(slopes: Any) -> None:
    shown = preview(slopes.folder / "toy.yaml", [], slopes.folder / "results", "cpu")
    assert shown["first"] == {"phase": "search", "trials": TRIALS}
    assert [row["variant"] for row in shown["variants"]] == ["downsample=strided,width=0.125,middle_depth=1"]
