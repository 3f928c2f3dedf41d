"""A search whose best combinations are known."""

import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from engine_functions import SLOPES
from optuna.study import StudyDirection
from optuna.trial import TrialState

from ablate import environment
from ablate.errors import ResultsError, SourceChanged, StudyError, UnknownName
from ablate.models.counts import count
from ablate.models.resolve import resolve
from ablate.records import finished_keys, load_results, record_path, write_json
from ablate.report import tables, write
from ablate.report.numbers import ABSENT
from ablate.report.searching import VALUES
from ablate.study.planning import planner
from ablate.study.planning.planner import counted, prepared
from ablate.study.planning.variants import variant_at
from ablate.study.preview import preview
from ablate.study.reading import load, probe
from ablate.study.reading.load import load_study
from ablate.study.running import training
from ablate.study.running.events import RecordSetAside, StudyStarted, TrialFinished, TrialStarted
from ablate.study.running.searching import Search
from ablate.study.show import network_of
from ablate.study.status import Rehearsed, status_of

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


def tries_scored(folder: Path) -> int:
    return sum(line.startswith("validation") for line in (folder / "scored").read_text().splitlines())


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_longer_search_goes_on_where_the_shorter_ended(slopes: Any, sampler: str) -> None:
    bounded = (f"search.sampler={sampler}", "search.constraints=[params <= 120_000]", "seeds=1")
    slopes.run("search.trials=12", *bounded)
    shorter = found(slopes.results)["trials"]
    slopes.run(*bounded)
    longer = found(slopes.results)
    assert [{**each, "front": None} for each in longer["trials"][: len(shorter)]] == [
        {**each, "front": None} for each in shorter
    ]
    assert tries_scored(slopes.results) == TRIALS
    shutil.rmtree(slopes.results)
    slopes.run(*bounded)
    assert found(slopes.results) == longer


def test_a_longer_front_tries_nothing_again(slopes: Any) -> None:
    slopes.run("search.front=2", "seeds=1")
    shorter = found(slopes.results)
    slopes.run("seeds=1")
    longer = found(slopes.results)
    assert tries_scored(slopes.results) == TRIALS
    assert [each["levels"] for each in longer["trials"]] == [each["levels"] for each in shorter["trials"]]
    assert (len(shorter["front"]), len(longer["front"])) == (2, 4)


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("search.trials=12", "search.trials was 20 and is 12"),
        ("search.front=2", "search.front was 4 and is 2"),
        ("search.parallel=2", "found by a search under other conditions, such as other ranges"),
        ("train.epochs=2", "train.epochs was 1 and is 2"),
        ("{design: grid, search: null}", "found by a search;"),
    ],
)
def test_results_of_a_longer_or_another_search_are_kept(slopes: Any, override: str, difference: str) -> None:
    slopes.run("seeds=1")
    before = (slopes.results / "plan.json").read_bytes()
    if override.startswith("{"):
        (slopes.folder / "toy.yaml").write_text(STUDY.partition("design:")[0] + "seeds: 1\nmeasure: [accuracy]\n")
        override = "seeds=1"
    with pytest.raises(ResultsError, match=re.escape(difference)):
        slopes.run(override, "seeds=1")
    assert (slopes.results / "plan.json").read_bytes() == before


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


def test_of_a_front_that_is_too_long_it_is_said_how_much_ran_again(slopes: Any) -> None:
    outcome = slopes.run("search.front=2", "seeds=1")
    write(outcome.results, ["md"])
    report = (slopes.results / "report.md").read_text()
    assert re.search(r"Of the \d+ combinations that no other beats, 2, from the best by accuracy", report)
    plan = slopes.plan()
    assert {type(value) for value in plan["study"]["factors"]["model.middle_depth"]} == {int}


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


def test_two_runs_of_one_folder_agree_on_what_the_first_of_them_found(slopes: Any) -> None:
    slopes.run("seeds=1")
    plan = slopes.plan()
    shutil.rmtree(slopes.results)
    shorter = {**plan, "searched": {**plan["searched"], "front": plan["searched"]["front"][:1]}}
    ended: list[Any] = []

    def other_run_is_faster(event: Any) -> None:
        ended.extend([event] if isinstance(event, TrialFinished) else [])
        if len(ended) == TRIALS and event is ended[-1]:
            write_json(slopes.results / "plan.json", {**shorter, "variants": plan["variants"][:1]})

    outcome = slopes.observe(other_run_is_faster).run("seeds=1")
    assert (outcome.missing, outcome.failed) == (0, 0)
    assert found(slopes.results) == shorter["searched"]
    assert [each["variant"] for each in slopes.plan()["variants"]] == [each["variant"] for each in plan["variants"][:2]]


def test_what_another_run_has_found_meanwhile_is_counted(slopes: Any) -> None:
    nested: list[Any] = []

    def another_run(event: Any) -> None:
        if isinstance(event, StudyStarted) and not nested:
            nested.append(event)
            slopes.run("search.trials=4")

    outcome = slopes.observe(another_run).run("search.trials=4", max_hours=0.0)
    assert len(outcome.results.plan["variants"]) > 1
    assert (outcome.missing, outcome.failed) == (0, 0)


def test_where_nothing_comes_to_an_end_the_baseline_stands_alone(slopes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TRIAL", "engine_functions:slope_that_diverges")
    outcome = slopes.run("retries=0", "search.trials=4", "seeds=2")
    assert Counter(each["state"] for each in found(slopes.results)["trials"]) == {"diverged": 4}
    assert [each["variant"] for each in slopes.plan()["variants"]] == [slopes.plan()["baseline"]]
    write(outcome.results, ["md"])
    report = (slopes.results / "report.md").read_text()
    assert "accuracy (%) and parameters: 4 diverged." in report
    assert "came to an end with a score: the baseline stands alone" in report


def test_levels_that_do_not_go_together_are_infeasible_for_their_reason(slopes: Any) -> None:
    factors = "factors={model.downsample: [strided, spd], model.downsample_kernel: [[3, 1], [2, 2]]}"
    baseline = "baseline={model.downsample: strided, model.downsample_kernel: [3, 1]}"
    outcome = slopes.run(factors, baseline, "search.trials=8", "search.sampler=random", "seeds=1")
    assert (outcome.missing, outcome.failed) == (0, 0)
    refused = [each for each in found(slopes.results)["trials"] if each["state"] == "infeasible"]
    assert {(each["levels"]["downsample"], each["levels"]["downsample_kernel"]) for each in refused} == {("spd", "2-2")}
    assert all(re.search("spd needs odd kernels", each["why"]) for each in refused)
    shown = network_of(str(slopes.folder / "toy.yaml"), [factors, baseline])
    assert (shown.downsample, shown.downsample_kernel) == ("strided", (3, 1))


def test_of_many_combinations_those_near_the_baseline_are_looked_at(
    slopes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Any] = []
    monkeypatch.setattr(load, "MOST_LOOKED_AT", 5)
    monkeypatch.setattr(load, "check_effects", lambda base, variants: looked_at.extend(variants))
    factors = "factors={model.downsample: [strided, spd, maxpool], model.activation: [relu, elu]}"
    load_study(slopes.folder / "toy.yaml", [factors, "baseline={model.downsample: strided, model.activation: relu}"])
    names = [tuple(level.name for level in levels) for levels in looked_at]
    alone = [("strided", "relu"), ("spd", "relu"), ("maxpool", "relu"), ("strided", "elu")]
    assert names == [*alone, ("spd", "elu")]


class TestFailures:
    FEW = ("retries=0", "search.trials=4", "seeds=1")

    def test_a_search_that_fails_as_a_whole_is_no_result_and_tried_afresh(
        self, slopes: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "TRIAL", "engine_functions:slope_without_validation")
        said = (
            r"toy: no trial of the search came to an end, 4 failed, the last with RuntimeError: no luck; see to that "
            "and run the same command again"
        )
        for _ in range(2):
            with pytest.raises(ResultsError, match=said):
                slopes.run(*self.FEW)
            assert "searched" not in slopes.plan()
            whats = [failure.what for failure in status_of(slopes.results).failures]
            assert whats == [f"search seed {seed}" for seed in range(10_000, 10_004)]
        monkeypatch.setattr(training, "TRIAL", "engine_functions:slope")
        outcome = slopes.run(*self.FEW)
        assert (outcome.missing, outcome.failed, outcome.work) == (0, 0, "some")
        assert {each["state"] for each in found(slopes.results)["trials"]} == {"complete"}
        assert status_of(slopes.results).failures == ()

    def test_a_search_that_has_found_its_front_is_over_whatever_failed(
        self, slopes: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "TRIAL", "engine_functions:slope_with_a_hole")
        outcome = slopes.run(*self.FEW)
        assert (outcome.missing, outcome.failed) == (0, 0)
        assert Counter(each["state"] for each in found(slopes.results)["trials"]) == {"failed": 2, "complete": 2}
        assert slopes.run(*self.FEW).work == "none"
        failures = status_of(slopes.results).failures
        assert [failure.what for failure in failures] == ["search seed 10000", "search seed 10001"]
        assert failures[0].causes == ("RuntimeError: a hole",)
        assert failures[0].log_tail.endswith("RuntimeError: a hole")

    @pytest.mark.slow
    def test_what_followed_on_a_failure_is_not_lost_when_it_would_not_fail_any_more(
        self, slopes: Any, interrupted: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The run that goes on trains what is missing, and nothing that was trained stays behind."""
        monkeypatch.setattr(training, "TRIAL", "engine_functions:slope_until_it_is_mended")
        (slopes.folder / "toy.yaml").write_text(STUDY.replace("seeds: 3", "seeds: 3\nretries: 0"))
        interrupted(slopes, 12)
        (slopes.folder / "mended").touch()
        before = finished_keys(slopes.results)
        assert slopes.run().missing == 0
        tried = found(slopes.results)["trials"]
        assert [each["state"] for each in tried if "key" in each].count("failed") == 1
        assert before <= {each["key"] for each in tried if "key" in each}

    def test_what_runs_now_is_named(self, slopes: Any) -> None:
        running: list[Any] = []
        ended: list[Any] = []

        def look(event: Any) -> None:
            if isinstance(event, TrialStarted):
                status = status_of(slopes.results)
                running.append(status.running)
                ended.append(status.rehearsed)

        slopes.observe(look).run(*self.FEW)
        assert ended[:5] == [Rehearsed("search", 4, number) for number in (0, 1, 2, 3, 4)]
        assert set(ended[5:]) == {Rehearsed("search", 4, 4)}
        assert running[:4] == [(f"search seed {seed}",) for seed in range(10_000, 10_004)]
        assert {each for (each,) in running[4:]} == {f"{each['variant']} seed 0" for each in slopes.plan()["variants"]}


def test_what_is_tried_twice_is_on_the_front_once(slopes: Any) -> None:
    slopes.run("search.fields={model.middle_depth: {low: 0, high: 1}}", "search.sampler=random", "seeds=1")
    searched = found(slopes.results)
    tried = [tuple(each["levels"].items()) for each in searched["trials"]]
    assert len(set(tried)) <= 6 < len(tried)
    flagged = [each["levels"] for each in searched["trials"] if each["front"]]
    assert sorted(map(str, flagged)) == sorted(map(str, searched["front"]))


def test_a_front_without_measured_costs_has_gaps(slopes: Any) -> None:
    slopes.run("search.objectives=[accuracy, latency]", "measure=[accuracy, latency]", "seeds=2")
    (slopes.results / "costs.json").unlink()
    write(load_results(slopes.results), ["md"])
    report = (slopes.results / "report.md").read_text()
    section = report[report.index("## Search") : report.index("A search sees every combination once")]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| downsample=")]
    assert len(rows) >= 2
    baseline = slopes.plan()["baseline"]
    assert all(row[-1].strip() == ABSENT for row in rows if row[0].strip() != baseline)


def test_a_schedule_that_no_budget_can_stretch_is_said_while_planning(slopes: Any) -> None:
    schedule = "train={epochs: 4, batch_size: 16, schedule: milestones, milestones: [2], decay_factor: 0.1}"
    with pytest.raises(
        StudyError, match=r"budget.on: macs gives networks other steps .* but train.schedule milestones"
    ):
        slopes.run("budget={on: macs}", schedule)
    assert not (slopes.results / "plan.json").exists()


def test_a_training_that_cannot_be_is_infeasible_for_its_reason(slopes: Any) -> None:
    """Where multiply-adds are shared out, a wide network has fewer steps than the warm-up takes."""
    train = "train={epochs: 4, batch_size: 16, warmup_epochs: 1, precision: fp32}"
    slopes.run("budget={on: macs}", train, "search.fields={model.width: {low: 0.06, high: 0.6}}", "seeds=1")
    tried = found(slopes.results)["trials"]
    states = Counter(each["state"] for each in tried)
    assert states["complete"] == TRIALS
    assert 0 < states["infeasible"] < 10 * TRIALS  # the search learns where they are
    assert all("train.warmup_epochs: 1 epochs are" in each["why"] for each in tried if each["state"] == "infeasible")


def test_where_nothing_is_allowed_that_is_said_and_nothing_is_trained(slopes: Any) -> None:
    said = (
        r"search: none of the 40 combinations that were proposed is allowed by params <= 10: "
        r"they have [\d,]+ to [\d,]+ params, [\d,]+ to [\d,]+ macs; state other bounds or ranges"
    )
    with pytest.raises(StudyError, match=said):
        slopes.run("search.constraints=[params <= 10]", "search.trials=2")
    assert not (slopes.results / "scored").exists()


def test_a_claim_that_no_two_variants_are_about_is_not_tested(slopes: Any, interrupted: Any) -> None:
    claim = (
        "{id: claim, source: nobody, statement: it is better, "
        "better: {model.downsample: spd}, than: {model.downsample: strided}}"
    )
    (slopes.folder / "toy.yaml").write_text(STUDY + f"claims: [{claim}]\n")
    interrupted(slopes, 2)
    assert tables(load_results(slopes.results)).claims["verdict"].tolist() == ["not tested"]
    slopes.run()
    # Those of the front differ in their width too, so that no two of them agree in all but the level.
    assert len(slopes.plan()["variants"]) > 1
    assert tables(load_results(slopes.results)).claims["verdict"].tolist() == ["not tested"]


def test_blocks_of_seeds_go_with_a_search_over_fields_alone(slopes: Any) -> None:
    blocks = "seeds={start: 3, until: 0.01, at_most: 4}"
    outcome = slopes.run("factors={}", "baseline={}", blocks, "search.front=2", "search.trials=4")
    assert outcome.missing == 0
    assert len(slopes.plan()["variants"]) > 1


def test_a_search_has_as_many_workers_as_it_has_trials_for(slopes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "cores", lambda: 3)
    slopes.run("seeds=1", workers=None)
    (settled,) = json.loads((slopes.results / "execution.json").read_text()).values()
    assert (settled["workers"], settled["threads"]) == (3, 1)


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_are_tried_at_a_time_than_are_asked_for(slopes: Any, plan_of: Any, parallel: int) -> None:
    search = Search(plan_of(STUDY, f"search.parallel={parallel}"), slopes.results, slopes.events.append)
    assert len(search.next_jobs()) == parallel
    assert search.next_jobs() == []  # none has ended


def test_a_variant_has_no_name_before_it_is_found(slopes: Any) -> None:
    with pytest.raises(UnknownName, match="--only strided: a search finds its variants first; run it without --only"):
        slopes.run(only=("strided",))
    assert not (slopes.results / "scored").exists()


def test_a_latency_that_the_device_cannot_tell_is_said_before_trials_fail_of_it(slopes: Any) -> None:
    overrides = ["search.objectives=[accuracy, latency]", "measure=[accuracy, latency]", "cost.modes=[cuda_graph]"]
    with pytest.raises(StudyError, match=r"cost.modes: .* cuda_graph needs a CUDA device, not cpu; put eager first"):
        slopes.run(*overrides)
    assert not (slopes.results / "scored").exists()


def test_a_search_that_goes_on_says_what_it_has(slopes: Any, interrupted: Any) -> None:
    interrupted(slopes, 5)
    slopes.events.clear()
    slopes.run()
    started = next(event for event in slopes.events if isinstance(event, StudyStarted))
    trained = [event.seed for event in slopes.events if isinstance(event, TrialFinished) and event.variant == "search"]
    assert len(started.done) + len(trained) == TRIALS
    assert {seed for _, seed in started.done} == set(range(10_000, 10_000 + TRIALS)) - set(trained)


BUILDER = """\
def net(num_classes, in_channels, hidden: int = 8, slope: float = 0.1, name: str = "x", dropout: float = 0.0):
    from torch import nn
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, 3), nn.LeakyReLU(slope), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(dropout), nn.Linear(hidden, num_classes),
    )
"""


class TestBuilder:
    """A search over the arguments of a network of one's own."""

    @pytest.fixture
    def own(self, slopes: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        (slopes.folder / "net.py").write_text(BUILDER)
        text = STUDY[: STUDY.index("factors:")] + STUDY[STUDY.index("design:") :]
        fields = "{model.hidden: {low: 2, high: 40}, model.slope: {low: 0.0, high: 0.5}}"
        text = text.replace(
            "{preset: mini_xception, width: 0.125, middle_depth: 1}", "{builder: 'net.py:net', hidden: 8, slope: 0.1}"
        )
        (slopes.folder / "toy.yaml").write_text(re.sub(r"fields: .*", f"fields: {fields}", text))
        monkeypatch.setattr(training, "TRIAL", "engine_functions:slope_of_hidden")
        return slopes

    def test_numbers_are_searched_whole_where_they_are_annotated_so(self, own: Any) -> None:
        outcome = own.run("seeds=1", "search.trials=8")
        assert (outcome.missing, outcome.failed) == (0, 0)
        assert own.plan()["baseline"] == "hidden=8,slope=0.1"
        for each in found(own.results)["trials"]:
            hidden, slope = int(each["levels"]["hidden"]), float(each["levels"]["slope"])
            assert 2 <= hidden <= 40
            assert 0 <= slope <= 0.5
            assert each["values"]["params"] == 3 * hidden * 9 + hidden + 10 * hidden + 10
        widest = max(int(each["levels"]["hidden"]) for each in found(own.results)["trials"])
        assert str(widest) in {each["hidden"] for each in found(own.results)["front"]}

    def test_a_network_that_cannot_be_is_told_with_its_reason(self, own: Any) -> None:
        refusing = "    if hidden > 20: raise ValueError(f'{hidden} is too much')\n    from torch"
        (own.folder / "net.py").write_text(BUILDER.replace("    from torch", refusing))
        outcome = own.run("seeds=1", "search.trials=8")
        trials = found(own.results)["trials"]
        impossible = [each for each in trials if int(each["levels"]["hidden"]) > 20]
        assert impossible
        assert [each for each in trials if each["state"] == "infeasible"] == impossible
        for each in impossible:
            assert f"ValueError: {each['levels']['hidden']} is too much" in each["why"]
        write(outcome.results, ["md"])
        told = f"{len(impossible)} of the infeasible could not be built; the first: "
        assert told in (own.results / "report.md").read_text()

    @pytest.mark.slow
    def test_a_source_that_is_edited_meanwhile_ends_it(self, own: Any) -> None:
        """What cannot be counted is not what cannot be built, or the front would be of what came before the edit."""

        def edit(event: Any) -> None:
            if isinstance(event, TrialFinished):
                (own.folder / "net.py").write_text(BUILDER + "# edited")
                probe.release()  # as where the process that counts was lost

        with pytest.raises(SourceChanged, match=r"net\.py:net: its source has changed since the study was planned"):
            own.observe(edit).run("seeds=1", "search.trials=8")
        assert "searched" not in own.plan()

    @pytest.mark.parametrize(
        ("field", "sentence"),
        [
            (
                "model.width",
                "unknown field to search 'model.width'; .*choices: model.dropout, model.hidden, model.slope",
            ),
            ("model.name", "unknown field to search 'model.name'"),
            ("model.num_classes", "unknown field to search 'model.num_classes'"),
            ("model.dropout", "model.dropout: the baseline has no value of it"),
        ],
    )
    def test_other_fields_are_not_searched(self, own: Any, field: str, sentence: str) -> None:
        with pytest.raises(StudyError, match=sentence):
            load_study(own.folder / "toy.yaml", [f"search.fields={{{field}: {{low: 0.1, high: 0.2}}}}"])

    def test_a_column_has_one_meaning(self, own: Any) -> None:
        (own.folder / "net.py").write_text(BUILDER.replace("slope", "params"))
        field = "search.fields={model.params: {low: 0.1, high: 0.2}}"
        text = (own.folder / "toy.yaml").read_text().replace("slope: 0.1", "params: 0.1")
        (own.folder / "toy.yaml").write_text(text)
        with pytest.raises(StudyError, match=r"'params' is a column of the result tables already; give the builder's"):
            load_study(own.folder / "toy.yaml", [field])


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


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("data.train_limit=40", "which hold images out: data.validation: 0.1 of 40 training images holds"),
        (
            "search.fields={train.warmup_epochs: {low: 0, high: 1}}",
            "which hold images out: train.warmup_epochs: 1 epochs are 11 steps, but training ends",
        ),
    ],
)
def test_what_trials_of_a_search_could_not_train_is_said_while_planning(
    slopes: Any, override: str, sentence: str
) -> None:
    study = load_study(slopes.folder / "toy.yaml", [override])
    with pytest.raises(StudyError, match=re.escape(sentence)):
        planner.plan_study(study, slopes.results, "cpu")


def test_a_search_asks_for_its_section(slopes: Any) -> None:
    text = STUDY[: STUDY.index("search:\n")] + "seeds: 3\n"
    (slopes.folder / "toy.yaml").write_text(text)
    with pytest.raises(StudyError, match="search: the key 'search' is missing"):
        load_study(slopes.folder / "toy.yaml")


def test_the_plan_says_what_comes_first(slopes: Any) -> None:
    shown = preview(slopes.folder / "toy.yaml", [], slopes.folder / "results", "cpu")
    assert shown["first"] == {"phase": "search", "trials": TRIALS}
    assert [row["variant"] for row in shown["variants"]] == ["downsample=strided,width=0.125,middle_depth=1"]
