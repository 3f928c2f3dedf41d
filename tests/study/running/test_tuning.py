"""Tuning, with trials whose best learning rates are known."""

import json
import math
import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from engine_functions import OPTIMA
from study.test_run import start, wait_for_records

from ablate.errors import ResultsError, StudyError
from ablate.records import finished_keys, load_results
from ablate.report import write
from ablate.report.numbers import ABSENT
from ablate.study.planning import planner
from ablate.study.preview import preview
from ablate.study.reading.load import load_study
from ablate.study.running import training
from ablate.study.running.events import CostsRound, RecordSetAside, StudyStarted, TrialFinished, VariantTuned
from ablate.study.running.tried import Tried
from ablate.study.running.tuning import Arm
from ablate.study.status import Rehearsed, status_of

TRIALS = 16
STUDY = f"""\
name: toy
model: {{preset: mini_xception, width: 0.125, middle_depth: 0}}
data: {{name: small_objects, train_limit: 200}}
train: {{epochs: 5, batch_size: 16, precision: fp32, lr: 0.5}}
factors:
  model.downsample: [strided, maxpool, spd]
baseline: {{model.downsample: strided}}
tune: {{fields: {{train.lr: {{low: 0.001, high: 3.0, log: true}}}}, trials: {TRIALS}}}
seeds: 3
measure: [accuracy]
"""


@pytest.fixture
def hills(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    (engine.folder / "toy.yaml").write_text(STUDY)
    monkeypatch.setattr(training, "TRIAL", "engine_functions:hill")
    return engine


def chosen(folder: Path) -> dict[str, float]:
    plan = json.loads((folder / "plan.json").read_text())
    return {each["variant"]: each["tuned"]["values"]["train.lr"] for each in plan["variants"]}


def scored(folder: Path) -> list[str]:
    """The splits that were scored, one a call, in their order."""
    return [line.split()[0] for line in (folder / "scored").read_text().splitlines()]


class TestKnownOptima:
    def test_every_variant_finds_its_own_and_trains_with_it(self, hills: Any) -> None:
        outcome = hills.run()
        assert (outcome.missing, outcome.failed) == (0, 0)
        for variant, rate in chosen(hills.results).items():
            assert abs(math.log10(rate / OPTIMA[variant])) < 0.25
        plan = hills.plan()
        assert [each["train"]["lr"] for each in plan["variants"]] == list(chosen(hills.results).values())
        # The luck of the seed aside, the final trials are as good as their learning rates.
        means = outcome.results.trials.groupby("variant")["accuracy"].mean()
        for variant, rate in chosen(hills.results).items():
            assert means[variant] == pytest.approx(0.8 - 0.15 * math.log10(rate / OPTIMA[variant]) ** 2, abs=0.002)

    def test_all_start_as_many_trials_before_the_first_final_one(self, hills: Any) -> None:
        hills.run(workers=2)
        splits = scored(hills.results)
        assert Counter(splits) == {"validation": 3 * TRIALS, "test": 3 * 3}
        assert splits.index("test") == 3 * TRIALS
        for each in hills.plan()["variants"]:
            assert len(each["tuned"]["states"]) == TRIALS
            assert each["tuned"]["states"].count("pruned") > 0
        tuned = [event for event in hills.events if isinstance(event, VariantTuned)]
        assert {event.variant: event.values["train.lr"] for event in tuned} == chosen(hills.results)
        phases = [event.phase for event in hills.events if isinstance(event, StudyStarted)]
        assert phases == ["tuning", "training"]
        seeds = {event.seed for event in hills.events if isinstance(event, TrialFinished)}
        assert seeds == {0, 1, 2, *range(10_000, 10_000 + TRIALS)}

    def test_the_gain_is_told_over_the_recipe_as_stated(self, hills: Any) -> None:
        hills.run()
        for each in hills.plan()["variants"]:
            expected = 0.8 - 0.15 * math.log10(0.5 / OPTIMA[each["variant"]]) ** 2
            assert each["tuned"]["stated_score"] == pytest.approx(expected, abs=0.002)
        hills.run("train.lr=5.0", "name=other")
        plan = json.loads((hills.folder / "results" / "other" / "plan.json").read_text())
        assert {each["tuned"]["stated_score"] for each in plan["variants"]} == {None}

    def test_an_optimum_near_an_end_is_said_to_be_there(self, hills: Any) -> None:
        outcome = hills.run("tune.fields.train.lr={low: 0.03, high: 3.0, log: true}")
        edges = {each["variant"]: each["tuned"]["edges"] for each in hills.plan()["variants"]}
        assert edges == {"strided": ["train.lr"], "maxpool": [], "spd": []}
        badges = dict(zip(outcome.tables.variants["variant"], outcome.tables.variants["badges"], strict=True))
        assert "tuned at the edge" in badges["strided"]
        assert "tuned at the edge" not in badges["maxpool"]


@pytest.mark.slow
class TestStopped:
    """However often it is stopped, and by however many workers, the same values come out."""

    @pytest.fixture
    def undisturbed(self, hills: Any) -> dict[str, float]:
        hills.run()
        whole = hills.results.rename(hills.folder / "undisturbed")
        return chosen(whole)

    def test_two_workers_choose_as_one(self, hills: Any, undisturbed: dict[str, float]) -> None:
        hills.run(workers=2)
        assert chosen(hills.results) == undisturbed

    @pytest.mark.parametrize("finished", [1, 30])
    def test_interrupted_while_tuning(
        self, hills: Any, interrupted: Any, undisturbed: dict[str, float], finished: int
    ) -> None:
        interrupted(hills, finished)
        assert all("awaits" in each and "tuned" not in each for each in hills.plan()["variants"])
        results = load_results(hills.results)
        assert results.trials.empty
        hills.run(workers=2)
        assert chosen(hills.results) == undisturbed
        assert max(Counter((hills.results / "scored").read_text().splitlines()).values()) <= 2

    def test_killed_while_tuning(self, hills: Any, undisturbed: dict[str, float]) -> None:
        hills.run(max_hours=0.0)
        for finished in (3, 10, 10):
            with start(hills, "hill") as process:
                wait_for_records(process, finished)
                os.killpg(process.pid, signal.SIGKILL)
        hills.run(workers=2)
        assert chosen(hills.results) == undisturbed

    def test_a_finished_study_is_not_tuned_again(self, hills: Any) -> None:
        hills.run()
        before = (hills.results / "plan.json").read_text()
        calls = scored(hills.results)
        assert hills.run().work == "none"
        assert scored(hills.results) == calls
        assert (hills.results / "plan.json").read_text() == before

    def test_a_new_level_is_tuned_by_itself(self, hills: Any) -> None:
        hills.run("factors.model.downsample=[strided, maxpool]")
        before = chosen(hills.results)
        assert hills.run().missing == 0
        assert {name: value for name, value in chosen(hills.results).items() if name != "spd"} == before
        assert Counter(scored(hills.results)) == {"validation": 3 * TRIALS, "test": 9}

    def test_other_ranges_are_another_study(self, hills: Any) -> None:
        hills.run()
        with pytest.raises(
            ResultsError, match="variant strided was tuned under other conditions, such as other ranges"
        ):
            hills.run("tune.trials=4")

    def test_one_variant_alone(self, hills: Any) -> None:
        outcome = hills.run(only=("spd",))
        assert outcome.missing == 6
        tuned = {each["variant"]: "tuned" in each for each in hills.plan()["variants"]}
        assert tuned == {"strided": False, "maxpool": False, "spd": True}
        assert hills.run().missing == 0


class TestFieldsOfSome:
    """Variants that have no use for a field do not look for it."""

    FIELDS = "tune.fields={train.lr: {low: 0.001, high: 3.0, log: true}, model.dropout: {low: 0.0, high: 0.5}}"

    def test_a_network_without_dropout_tunes_the_rest(self, hills: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        networks = "{strided: {model.preset: mini_xception}, resnet: {model.preset: torchvision/resnet18}}"
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill_of_any_network")
        outcome = hills.run(
            *("model={preset: mini_xception}", f"factors={{net: {networks}}}", "baseline={net: strided}"),
            *(self.FIELDS, "tune.trials=4", "seeds=2"),
        )
        assert (outcome.missing, outcome.failed) == (0, 0)
        tuned = {each["variant"]: each["tuned"] for each in hills.plan()["variants"]}
        assert list(tuned["strided"]["values"]) == ["train.lr", "model.dropout"]
        assert list(tuned["resnet"]["values"]) == ["train.lr"]
        assert tuned["resnet"]["states"] == ["complete"] * 4
        write(outcome.results, ["md"])
        report = (hills.results / "report.md").read_text()
        section = report[report.index("## Tuning") :].split("\n## ")[0]
        (row,) = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| resnet ")]
        assert row[1].strip() == f"{tuned['resnet']['values']['train.lr']:g}"
        assert row[2].strip() == ABSENT

    def test_a_variant_that_has_use_for_none_trains_as_it_is_stated(self, hills: Any) -> None:
        adam, sgd = "{train.optimizer: adam, train.lr: 0.1}", "{train.optimizer: sgd}"
        overrides = [
            *("factors={optimizer: {sgd: " + sgd + ", adam: " + adam + "}}", "baseline={optimizer: sgd}"),
            *("tune.fields={train.momentum: {low: 0.5, high: 0.95}}", "tune.trials=4", "seeds=2"),
        ]
        outcome = hills.run(*overrides)
        assert outcome.missing == 0
        variants = {each["variant"]: each for each in hills.plan()["variants"]}
        assert len(variants["sgd"]["tuned"]["states"]) == 4
        assert "tuned" not in variants["adam"]
        assert "awaits" not in variants["adam"]
        assert Counter(scored(hills.results)) == {"validation": 4, "test": 4}
        write(outcome.results, ["md"])
        assert "adam has no use for what was tuned" in (hills.results / "report.md").read_text()

    def test_an_argument_of_a_builder_is_tuned_by_its_name(self, hills: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        lines = ["def net(num_classes, dropout: float = 0.0):", "    from torch import nn"]
        body = "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))"
        (hills.folder / "net.py").write_text("\n".join([*lines, body]))
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill_of_any_network")
        networks = "{strided: {model.preset: mini_xception}, own: {model.builder: 'net.py:net'}}"
        hills.run(
            *("model={preset: mini_xception}", f"factors={{net: {networks}}}", "baseline={net: strided}"),
            *(self.FIELDS, "tune.trials=4", "seeds=2"),
        )
        own = next(each for each in hills.plan()["variants"] if each["variant"] == "own")
        assert own["model"]["arguments"] == {"dropout": own["tuned"]["values"]["model.dropout"]}


def test_costs_are_measured_once_it_is_known_which_networks_there_are(hills: Any) -> None:
    measured = ["measure=[accuracy, latency]", "tune.trials=2", "seeds=2"]
    overrides = [*measured, "tune.fields={model.dropout: {low: 0.1, high: 0.5}}"]
    assert hills.run(*overrides, only=("strided",)).missing == 4
    assert not (hills.folder / "costs").exists()
    outcome = hills.run(*overrides)
    assert outcome.results.costs["latency_ms_p50"].tolist() == [1.0, 2.0, 3.0]
    assert (hills.folder / "costs").read_text().splitlines() == ["3 latency"]
    assert hills.run(*overrides).work == "none"


def test_costs_come_first_where_tuning_leaves_the_networks_as_they_are(hills: Any) -> None:
    hills.run("measure=[accuracy, latency]", "tune.trials=2", "seeds=2", max_hours=0.0)
    kinds = [type(event) for event in hills.events]
    assert kinds.index(CostsRound) < kinds.index(StudyStarted)


def test_two_runs_of_one_folder_keep_what_each_has_chosen(hills: Any) -> None:
    few = ("tune.trials=4", "seeds=2")
    nested: list[Any] = []

    def another_run(event: Any) -> None:
        if isinstance(event, StudyStarted) and event.phase == "tuning" and not nested:
            nested.append(hills.run(*few, only=("spd",)))

    outcome = hills.observe(another_run).run(*few, only=("strided",))
    assert {each["variant"] for each in hills.plan()["variants"] if "tuned" in each} == {"strided", "spd"}
    assert outcome.missing == 2
    spd = hills.plan()["variants"][2]["tuned"]
    assert spd == nested[0].results.plan["variants"][2]["tuned"]


def test_a_run_that_plans_while_another_ends_its_tuning_takes_over_what_it_chose(
    hills: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, count = ("tune.trials=2", "seeds=2"), planner.survey_variants
    hills.run(*few, max_hours=0.0)
    others: list[Any] = []

    def another_run_is_faster(*counted: Any) -> Any:
        if not others:
            others.append(None)
            others[0] = hills.run(*few)
        return count(*counted)

    monkeypatch.setattr(planner, "survey_variants", another_run_is_faster)
    outcome = hills.run(*few)
    assert (outcome.missing, outcome.work) == (0, "none")
    assert outcome.results.plan["variants"] == others[0].results.plan["variants"]


def test_tuning_that_goes_on_says_what_it_has(hills: Any, interrupted: Any) -> None:
    interrupted(hills, 5)
    hills.events.clear()
    hills.run()
    started = next(event for event in hills.events if isinstance(event, StudyStarted))
    trained = [event for event in hills.events if isinstance(event, TrialFinished) and event.seed >= 10_000]
    assert len(started.done) + len(trained) == 3 * TRIALS
    assert not started.done & {(event.variant, event.seed) for event in trained}


def test_trials_that_their_recipe_stops_early_are_judged_by_the_epochs_they_have() -> None:
    curves = [(3.0, 2.0, 1.0)] * 3 + [(2.0, 1.0)] * 2 + [(5.0, math.inf, 1.0)] * 1
    arm = object.__new__(Arm)
    arm._tried = [Tried({}, "complete", 0.5, curve) for curve in curves]
    # The last epoch is never judged: six losses of the first epoch, four of the second, too few.
    assert arm._limits() == [3.0]
    arm._tried += [Tried({}, "complete", 0.5, (5.0, math.inf, 1.0))] * 3
    assert arm._limits() == [3.0]


class TestFailures:
    def test_a_damaged_record_is_set_aside_and_tuned_again(self, hills: Any, interrupted: Any) -> None:
        interrupted(hills, 5)
        damaged, *others = sorted((hills.results / "records").iterdir())
        assert status_of(hills.results).rehearsed == Rehearsed("tuning", 3 * TRIALS, 1 + len(others))
        seed = json.loads(damaged.read_text())["seed"]
        damaged.write_text("{")
        assert status_of(hills.results).rehearsed == Rehearsed("tuning", 3 * TRIALS, len(others))
        assert hills.run().missing == 0
        (told,) = [event for event in hills.events if isinstance(event, RecordSetAside)]
        assert (told.seed, told.path.read_text()) == (seed, "{")
        assert len(scored(hills.results)) >= 3 * TRIALS + 9 + 1

    def test_what_fails_was_started(self, hills: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill_with_a_hole")
        outcome = hills.run("retries=0")
        assert outcome.missing == 0
        states = [each["tuned"]["states"] for each in hills.plan()["variants"]]
        assert all(len(each) == TRIALS and "failed" in each for each in states)

    def test_what_failed_of_a_tuning_that_has_ended_is_shown_and_stays(
        self, hills: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill_with_a_hole")
        few = ("retries=0", "tune.trials=3", "seeds=2", "factors.model.downsample=[strided, maxpool]")
        assert hills.run(*few).failed == 0
        assert hills.run(*few).work == "none"
        failures = status_of(hills.results).failures
        assert [failure.what for failure in failures] == ["maxpool seed 10000", "strided seed 10000"]
        assert failures[0].causes == ("RuntimeError: a hole",)
        assert status_of(hills.results).rehearsed == Rehearsed("tuning", 2 * 3, 2 * 3)

    @pytest.mark.slow
    def test_what_followed_on_a_failure_is_not_lost_when_it_would_not_fail_any_more(
        self, hills: Any, interrupted: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill_until_it_is_mended")
        text = (hills.folder / "toy.yaml").read_text()
        (hills.folder / "toy.yaml").write_text(text.replace("seeds: ", "retries: 0\nseeds: "))
        interrupted(hills, 3 * 5)
        (hills.folder / "mended").touch()
        before = finished_keys(hills.results)
        assert hills.run().missing == 0
        states = [each["tuned"]["states"] for each in hills.plan()["variants"]]
        assert all(each[2] == "failed" for each in states)
        started = sum(len(each) - each.count("failed") for each in states)
        final = {key for each in hills.plan()["variants"] for key in each["keys"].values()}
        assert len(finished_keys(hills.results) - final) == started
        assert before <= finished_keys(hills.results)

    def test_where_all_fail_the_cause_is_said_and_the_next_run_tries_them_afresh(
        self, hills: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        few = ("retries=0", "tune.trials=2", "seeds=2", "factors.model.downsample=[strided, maxpool]")
        monkeypatch.setattr(training, "TRIAL", "engine_functions:raises_as")
        said = "tuning strided came to an end, 2 of 2 failed, the last with KeyError: 'error'; see to that and run the"
        with pytest.raises(ResultsError, match=said):
            hills.run(*few)
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill")
        assert hills.run(*few).missing == 0
        assert [each["tuned"]["states"] for each in hills.plan()["variants"]] == [["complete"] * 2] * 2
        assert status_of(hills.results).failures == ()

    def test_where_all_diverge_that_is_said(self, hills: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill_that_diverges")
        with pytest.raises(ResultsError, match="strided came to an end, all 2 diverged; give tune other ranges, under"):
            hills.run("retries=0", "tune.trials=2", "factors.model.downsample=[strided, maxpool]")


@pytest.mark.parametrize("seed", range(8))
def test_it_stops_where_the_median_rule_of_optuna_does(hills: Any, seed: int) -> None:
    """Against `MedianPruner` on random curves, at every epoch but the last."""
    draw = np.random.default_rng(seed)
    curves = draw.uniform(1, 2, (9, 6)).cumsum(axis=1)[:, ::-1] / 6
    study = load_study(hills.folder / "toy.yaml")
    arm = object.__new__(Arm)
    arm._tried = [Tried({}, "complete", 0.5, tuple(curve)) for curve in curves[:8]]
    limits = arm._limits()
    assert study.config.tune is not None
    assert len(limits) == 5
    peer = optuna.create_study(direction="minimize", pruner=optuna.pruners.MedianPruner(n_startup_trials=5))
    for curve in curves[:8]:
        peer.add_trial(optuna.create_trial(value=1.0, intermediate_values=dict(enumerate(curve))))
    trial = peer.ask()
    for epoch, loss in enumerate(curves[8][:-1]):
        trial.report(loss, epoch)
        assert trial.should_prune() == (min(curves[8][: epoch + 1]) > limits[epoch])


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "tune.fields={train.epochs: {low: 1, high: 3}}",
            r"tune\.fields\.train\.epochs: unknown field to tune 'train.epochs'",
        ),
        ("tune.fields={train.lr: {low: 1, high: 0.1}}", "low, 1, is not below high, 0.1"),
        ("tune.fields={train.lr: {low: 0, high: 0.1, log: true}}", "a logarithmic range begins above 0"),
        ("tune.fields={train.lr: {low: -1, high: 0.1}}", r"train.lr.low: expected a number above 0, not -1"),
        (
            "tune.fields={train.momentum: {low: 0, high: 1.5}}",
            r"train.momentum.high: expected a number below 1, not 1.5",
        ),
        (
            "tune.fields={train.decay_factor: {low: 0.1, high: 0.5}}",
            "no variant of this study has a use for train.decay_factor",
        ),
        ("tune.fields={}", "tune.fields: "),
        ("tune.trials=1", "tune.trials: expected a number of at least 2, not 1"),
        ("tune.sampler=tpe", "unknown key 'sampler'; choices: fields, trials"),
    ],
)
def test_what_cannot_be_tuned_is_one_sentence(hills: Any, override: str, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        load_study(hills.folder / "toy.yaml", [override])


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ["data.train_limit=40"],
            ": tune: its trials of variant strided, which hold images out: data.validation: 0.1 of 40 training images "
            "holds out 4 and leaves 36; each side needs 10, one a class; choose another share, or more images",
        ),
        (
            ["train.batch_size=190"],
            "tune: its trials of variant strided, which hold images out: train.batch_size: 190 is more than the 180 "
            "training images",
        ),
        (
            ["tune.fields={train.warmup_epochs: {low: 0, high: 6}}"],
            "tune.fields.train.warmup_epochs.high: its trials of variant strided, which hold images out: "
            "train.warmup_epochs: 6 epochs are 66 steps, but training ends "
            "after 55; choose less than 5",
        ),
        (
            ["tune.fields={train.warmup_epochs: {low: 0, high: 2}}", "train.steps=23", "train.epochs=null"],
            "tune.fields.train.warmup_epochs.high: its trials of variant strided: "
            "train.warmup_epochs: 2 epochs are 24 steps, but training ends "
            "after 23",
        ),
    ],
)
def test_what_trials_of_tuning_could_not_train_is_said_while_planning(
    hills: Any, overrides: list[str], sentence: str
) -> None:
    study = load_study(hills.folder / "toy.yaml", overrides)
    with pytest.raises(StudyError, match=re.escape(sentence)):
        planner.plan_study(study, hills.results, "cpu")
    untuned = load_study(hills.folder / "toy.yaml", [*overrides, "tune=null"])
    planner.plan_study(untuned, hills.results, "cpu")


def test_what_is_compared_cannot_be_tuned(hills: Any) -> None:
    overrides = ["factors={train.lr: [0.1, 0.2]}", "baseline={train.lr: 0.1}"]
    with pytest.raises(StudyError, match=r"factor 'train\.lr' sets train\.lr; a field has one place"):
        load_study(hills.folder / "toy.yaml", overrides)


def test_the_plan_says_what_comes_first(hills: Any) -> None:
    first = preview(hills.folder / "toy.yaml", [], hills.folder / "results", "cpu")["first"]
    assert first == {"phase": "tuning", "trials": 3 * TRIALS}
    hills.run("tune.trials=2")
    assert preview(hills.folder / "toy.yaml", ["tune.trials=2"], hills.folder / "results", "cpu")["first"] is None
