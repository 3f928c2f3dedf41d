"""A search whose best combinations are known."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from engine_functions import SLOPES
from optuna.study import StudyDirection
from optuna.trial import TrialState

from ablate.errors import ResultsError, StudyError
from ablate.models.counts import count
from ablate.models.resolve import resolve
from ablate.records import load_results, record_path, write_json
from ablate.report import write
from ablate.report.searching import VALUES
from ablate.study.planning.planner import counted, prepared
from ablate.study.planning.variants import variant_at
from ablate.study.preview import preview
from ablate.study.reading.load import load_study
from ablate.study.running import training
from ablate.study.running.events import RecordSetAside, StudyStarted, TrialFinished

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


def test_optuna_s_tools_see_all_that_was_tried(slopes: Any) -> None:
    slopes.run("search.constraints=[params <= 120_000]", "seeds=1")
    study = optuna.load_study(study_name="toy: search", storage=f"sqlite:///{slopes.results / 'ledger.db'}")
    assert study.metric_names == ["accuracy", "params"]
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    trials = found(slopes.results)["trials"]
    assert [trial.state == TrialState.COMPLETE for trial in study.trials] == [t["state"] == "complete" for t in trials]
    for trial, each in zip(study.trials, trials, strict=True):
        assert trial.params["width"] == float(each["levels"]["width"])
        assert trial.params["downsample"] == each["levels"]["downsample"]
        if each["state"] == "complete":
            assert trial.values == pytest.approx(worth(each["levels"]), abs=2e-4)
    front = [trials[trial.number]["levels"] for trial in study.best_trials]
    assert all(each in front for each in found(slopes.results)["front"])


def test_the_tables_hold_all_that_was_tried_and_the_report_what_is_left_of_it(slopes: Any) -> None:
    outcome = slopes.run("search.objectives=[accuracy, latency]", "measure=[accuracy, latency]", "seeds=2")
    searched = found(slopes.results)
    table = pd.read_csv(slopes.results / "search.csv", dtype={"width": str, "middle_depth": str})
    assert list(table) == ["trial", "downsample", "width", "middle_depth", "state", *VALUES, "front"]
    assert table["accuracy"].tolist() == [each["values"]["accuracy"] for each in searched["trials"]]
    assert table["front"].tolist() == [each["levels"] in searched["front"] for each in searched["trials"]]
    write(outcome.results, ["md"])
    report = (slopes.results / "report.md").read_text()
    section = report[report.index("## Search") : report.index("## Effects")]
    told = f"TPE proposed {TRIALS} combinations for accuracy (%) and latency: {TRIALS} complete."
    assert told in section
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")]
    (start,) = (at for at, row in enumerate(rows) if row[0] == "trial")
    best = table.sort_values("accuracy", ascending=False).iloc[0]
    assert rows[start + 1][:5] == [
        *(str(best["trial"]), best["downsample"], best["width"], best["middle_depth"]),
        f"{100 * best['accuracy']:.2f}",
    ]
    assert rows[start + 1][-2:] == [f"{best['latency_ratio']:.3f}", "yes"]
    assert len(rows[start + 1 :]) == TRIALS
    # The trials have no luck, so that the search has told the truth; the rounds of the cost phase say the position.
    names = [each["variant"] for each in slopes.plan()["variants"]]
    for row in rows[1:start]:
        assert row[2] == f"{row[1]} ± 0.00"
        assert row[4] == f"{names.index(row[0]) + 1:.3f}"


def test_one_objective_has_one_winner(slopes: Any) -> None:
    slopes.run("search.objectives=[accuracy]")
    (best,) = found(slopes.results)["front"]
    tried = [worth(each["levels"])[0] for each in found(slopes.results)["trials"]]
    assert worth(best)[0] == pytest.approx(max(tried), abs=2e-4)


def test_latency_is_told_in_that_of_the_baseline(slopes: Any) -> None:
    slopes.run("search.objectives=[accuracy, latency]", "measure=[accuracy, latency]", "seeds=1")
    searched = found(slopes.results)
    for each in searched["trials"]:
        assert each["values"]["latency_ratio"] == pytest.approx(float(each["levels"]["width"]) / 0.125)
    tried = [(worth(each["levels"])[0], float(each["levels"]["width"])) for each in searched["trials"]]
    for accuracy, width in ((worth(each)[0], float(each["width"])) for each in searched["front"]):
        assert not any(a > accuracy + 2e-4 and other < width for a, other in tried)
    # What a search without latency has tried has not been timed, and is another trial.
    keys = {each["key"] for each in searched["trials"]}
    slopes.run("search.objectives=[accuracy]", "name=other")
    assert not keys & {each["key"] for each in found(slopes.results.with_name("other"))["trials"]}


def test_the_baseline_has_the_values_of_its_recipe_and_levels(plan_of: Any) -> None:
    text = STUDY.replace(
        "model.width: {low: 0.06, high: 0.3}, model.middle_depth", "train.lr: {low: 0.1, high: 0.3}, model.middle_depth"
    )
    plan = plan_of(
        text,
        "train={recipe: xception_imagenet, epochs: 1, batch_size: 16}",
        "factors={width: {narrow: {model.width: 0.06, model.middle_depth: 0}, wide: {model.width: 0.125}}}",
        "baseline={width: wide}",
        "search.fields={train.lr: {low: 0.01, high: 0.3}}",
    )
    (baseline,) = plan.variants
    assert baseline.variant.levels == {"width": "wide", "train.lr": "0.045"}
    assert baseline.variant.train is not None
    assert baseline.variant.train.lr == 0.045


def test_what_is_tried_trains_as_long_as_it_would_in_the_end(plan_of: Any) -> None:
    plan = plan_of(STUDY, "budget={on: macs}", "train.epochs=20")
    (baseline,) = plan.variants
    levels = [plan.study.factors[0].levels[2], *(factor.levels[0] for factor in plan.study.factors[1:])]
    variant = variant_at(plan.study, levels)
    counts = counted(plan, variant)
    variant = prepared(plan, variant, counts)
    assert variant.steps != baseline.variant.steps
    assert variant.steps * counts["macs"] == pytest.approx(baseline.variant.steps * baseline.macs, abs=counts["macs"])


def test_a_damaged_record_is_set_aside_and_tried_again(slopes: Any) -> None:
    slopes.run()
    before = found(slopes.results)
    key = before["trials"][3]["key"]
    record_path(slopes.results, key).write_text("{")
    plan = slopes.plan()
    del plan["searched"]
    write_json(slopes.results / "plan.json", {**plan, "variants": plan["variants"][:1]})
    slopes.events.clear()
    slopes.run()
    assert found(slopes.results) == before
    (told,) = [event for event in slopes.events if isinstance(event, RecordSetAside)]
    assert (told.variant, told.seed, told.path.read_text()) == ("search", 10_003, "{")
    assert [event.seed for event in slopes.events if isinstance(event, TrialFinished)] == [10_003]


@pytest.mark.slow
class TestStopped:
    @pytest.fixture
    def undisturbed(self, slopes: Any) -> dict[str, Any]:
        slopes.run()
        return found(slopes.results.rename(slopes.folder / "undisturbed"))

    def test_two_workers_find_what_one_does(self, slopes: Any, undisturbed: dict[str, Any]) -> None:
        slopes.run(workers=2)
        assert found(slopes.results) == undisturbed

    @pytest.mark.parametrize("finished", [1, 15])
    def test_interrupted_while_searching(
        self, slopes: Any, interrupted: Any, undisturbed: dict[str, Any], finished: int
    ) -> None:
        interrupted(slopes, finished)
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
        (
            ["search.objectives=[energy]"],
            "unknown value 'energy'; choices: accuracy, latency, macs, params, test_loss",
        ),
        (["search.objectives=[latency]"], "latency is looked for but not measured, .* add it to measure"),
        (
            ["factors={data.object_size: [6, 10]}", "baseline={data.object_size: 6}"],
            "factors.data.object_size: varies the data, which design: search does not",
        ),
        (
            ["search.fields={train.average_decay: {low: 0.9, high: 0.99}}"],
            "train.average_decay: the baseline has no value of it, which others could be compared with; state one",
        ),
        (["match=macs"], "match: does not go with design: search; bound what it may cost with constraints"),
        (["search.constraints=[params >= 0]"], "'params >= 0' has no bound above 0; write a number"),
        (["search.constraints=[params <= 1.2.3]"], "'params <= 1.2.3' has no bound above 0; write a number"),
        (
            [
                "factors={width: {a: {model.channel_multiple: 8}, b: {model.channel_multiple: 4}}}",
                "baseline={width: a}",
            ],
            "factors.width: has the column 'width' in the tables, as a field that is searched has; rename it",
        ),
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
