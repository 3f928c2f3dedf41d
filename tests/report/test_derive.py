import math
from dataclasses import replace

import pandas as pd
import pytest

from ablate.analysis import contrasts
from ablate.errors import ResultsError, UnknownName
from ablate.report import strict_problems, tables

CROSSED = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}


def change(results, variant, seed, **values):
    """`results` with fields of one trial replaced."""
    trials = results.trials.copy()
    row = (trials["variant"] == variant) & (trials["seed"] == seed)
    assert row.sum() == 1
    for column, value in values.items():
        trials.loc[row, column] = value
    return replace(results, trials=trials)


def drop(results, variant, seeds):
    trials = results.trials
    return replace(results, trials=trials[~((trials["variant"] == variant) & trials["seed"].isin(seeds))])


def verdicts(derived, metric="accuracy"):
    rows = derived.contrasts[derived.contrasts["metric"] == metric]
    return dict(zip(rows["variant"], rows["verdict"], strict=True))


def test_variants_have_the_contracts_columns_and_only_measured_costs(toy):
    results = toy()
    variants = tables(results).variants
    assert list(variants.columns) == [
        *("variant", "downsample", "n", "accuracy_mean", "accuracy_sd", "accuracy_ci_low", "accuracy_ci_high"),
        *("params", "macs", "latency_ms_p50", "latency_ms_p90_b64", "badges"),
    ]
    assert variants["variant"].tolist() == ["strided", "spd", "maxpool"]
    assert variants["n"].tolist() == [8, 8, 8]
    assert variants["params"].tolist() == [1000, 4000, 1000]
    spd = results.trials[results.trials["variant"] == "spd"]["accuracy"]
    assert variants["accuracy_mean"][1] == pytest.approx(spd.mean())
    assert variants["accuracy_sd"][1] == pytest.approx(spd.std())


def test_without_costs_there_are_no_cost_columns(toy):
    results = replace(toy(), costs=pd.DataFrame({"variant": []}), cost_conditions={})
    assert list(tables(results).variants.columns)[-3:] == ["params", "macs", "badges"]


def test_primary_contrasts_are_those_of_the_public_function(toy):
    results = toy()
    found = tables(results).contrasts.query("metric == 'accuracy'").reset_index(drop=True)
    expected = contrasts(results.trials, baseline="strided").astype({"n": "Int64"})
    pd.testing.assert_frame_equal(found, expected)
    assert verdicts(tables(results)) == {"spd": "better", "maxpool": "inconclusive"}


def test_other_metrics_are_described_without_verdict(toy):
    found = tables(toy()).contrasts
    assert found["metric"].tolist() == ["accuracy"] * 2 + ["test_loss"] * 2 + ["params"] * 2 + ["macs"] * 2
    loss = found[found["metric"] == "test_loss"]
    assert loss["p_value"].notna().all()
    assert loss["p_adjusted"].isna().all()
    assert loss["verdict"].tolist() == [None, None]
    params = found[found["metric"] == "params"]
    assert params["difference"].tolist() == [3000.0, 0.0]
    assert params.drop(columns=["variant", "baseline", "metric", "difference", "badges"]).isna().all(axis=None)


def test_the_primary_metric_may_be_another(toy):
    derived = tables(toy(primary="test_loss", margin={"accuracy": 0.1}))
    assert verdicts(derived, "test_loss") == {"spd": "better", "maxpool": "inconclusive"}
    assert verdicts(derived, "accuracy") == {"spd": None, "maxpool": None}
    assert list(derived.variants.columns)[-5:-1] == [
        *("test_loss_mean", "test_loss_sd", "test_loss_ci_low", "test_loss_ci_high")
    ]
    with pytest.raises(ResultsError, match="primary metric 'latency' has no value a trial; choices: accuracy, test_l"):
        tables(toy(primary="latency"))


def test_the_margin_of_the_study_counts(toy):
    assert verdicts(tables(toy(margin={"accuracy": 0.02})))["maxpool"] == "equivalent"


def test_a_loss_that_was_not_measured_is_no_row(toy):
    results = toy()
    silent = replace(results, trials=results.trials.assign(test_loss=math.nan))
    assert "test_loss" not in set(tables(silent).contrasts["metric"])


def test_another_baseline(toy):
    derived = tables(toy(), baseline="spd")
    assert verdicts(derived) == {"strided": "worse", "maxpool": "worse"}
    with pytest.raises(UnknownName, match="unknown variant 'spdd'; did you mean 'spd'"):
        tables(toy(), baseline="spdd")


def test_a_planned_trial_without_row_is_a_missing_seed(toy):
    derived = tables(drop(toy(), "spd", [2]))
    assert verdicts(derived) == {"spd": "inconclusive", "maxpool": "inconclusive"}
    assert derived.variants["badges"].tolist() == ["", "missing seeds", ""]
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    assert accuracy["badges"].tolist() == ["missing seeds", ""]
    assert accuracy["n"].tolist() == [7, 8]


def test_a_seed_that_no_arm_has_yet_is_missing_everywhere(toy):
    results = toy()
    early = replace(results, trials=results.trials[results.trials["seed"] != 7])
    assert verdicts(tables(early)) == {"spd": "inconclusive", "maxpool": "inconclusive"}


def test_nothing_has_finished_yet(toy):
    results = toy()
    empty = replace(results, trials=results.trials[:0], curves=results.curves[:0])
    derived = tables(empty)
    assert derived.variants["n"].tolist() == [0, 0, 0]
    assert verdicts(derived) == {"spd": None, "maxpool": None}
    bare = replace(empty, trials=pd.DataFrame([], columns=results.trials.columns))
    assert tables(bare).variants["n"].tolist() == [0, 0, 0]


def test_a_failed_trial_is_missing_and_named(toy):
    failed = change(toy(), "spd", 3, state="failed", accuracy=math.nan, test_loss=math.nan, environment="")
    derived = tables(failed)
    assert derived.variants["badges"].tolist() == ["", "missing seeds;failed", ""]
    assert derived.contrasts["badges"][0] == "missing seeds;failed"


def test_a_diverged_trial_counts_with_the_accuracy_it_has(toy):
    derived = tables(change(toy(), "strided", 0, state="diverged", accuracy=0.1, test_loss=math.nan))
    assert derived.variants["n"].tolist() == [8, 8, 8]
    assert derived.variants["badges"].tolist() == ["diverged", "", ""]
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    assert accuracy["badges"].tolist() == ["diverged", "diverged"]
    assert accuracy["n"].tolist() == [8, 8]


@pytest.mark.parametrize(("steps", "badge"), [(99, "few steps"), (100, "")])
def test_under_a_hundred_steps_is_a_badge(toy, steps, badge):
    results = toy()
    for variant in results.plan["variants"]:
        variant["steps"] = steps
    derived = tables(results)
    assert set(derived.variants["badges"]) == {badge}
    assert derived.contrasts["badges"][0] == badge


def test_a_factor_may_be_the_number_of_steps(toy):
    assert tables(toy(factors={"train.steps": [50, 100]})).variants["steps"].tolist() == ["50", "100"]


def test_environments_are_mixed_when_their_machines_differ(toy):
    assert tables(change(toy(), "spd", 0, environment="e2")).contrasts["badges"][0] == "mixed environments"
    assert tables(change(toy(), "spd", 0, environment="e3")).contrasts["badges"][0] == ""


def test_arms_on_different_machines_are_mixed_though_neither_is_by_itself(toy):
    results = toy()
    moved = results.trials["environment"].where(results.trials["variant"] != "spd", "e2")
    derived = tables(replace(results, trials=results.trials.assign(environment=moved)))
    assert derived.variants["badges"].tolist() == ["", "", ""]
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    assert accuracy["badges"].tolist() == ["mixed environments", ""]


def test_a_crossed_grid_has_cells_and_no_contrasts(toy):
    derived = tables(toy(factors=CROSSED))
    assert derived.contrasts.empty
    assert len(derived.variants) == 4
    assert derived.variants["accuracy_ci_low"].notna().all()


def test_claims_are_judged_and_keep_the_contracts_columns(toy, claim):
    derived = tables(toy(claims=[claim()]))
    assert list(derived.claims.columns) == [
        *("id", "source", "metric", "published", "measured", "ci_low", "ci_high", "verdict", "badges")
    ]
    row = derived.claims.iloc[0]
    assert (row["verdict"], row["published"], row["metric"]) == ("supported", 0.0109, "accuracy")
    assert row["measured"] == derived.contrasts["difference"][0]


def test_a_claim_joins_the_family_of_the_contrasts(toy, claim):
    other = claim(better={"model.downsample": "maxpool"}, than={"model.downsample": "spd"})
    alone, joined = tables(toy()), tables(toy(claims=[other]))
    assert joined.contrasts["p_adjusted"][0] > alone.contrasts["p_adjusted"][0]
    assert joined.claims["verdict"].tolist() == ["contradicted"]


def test_claims_are_tested_on_a_crossed_grid(toy, claim):
    row = tables(toy(factors=CROSSED, claims=[claim()])).claims.iloc[0]
    assert row["verdict"] == "supported"
    assert 0.02 < row["measured"] < 0.04


def test_a_claim_on_a_metric_without_seeds_is_not_tested(toy, claim):
    claims = [claim(id="size", metric="params"), claim()]
    assert tables(toy(claims=claims)).claims["verdict"].tolist() == ["not tested", "supported"]


def test_a_claim_about_a_level_that_the_plan_has_not_is_an_error(toy, claim):
    wrong = claim(than={"model.downsample": "stride"})
    with pytest.raises(
        ResultsError, match=r"claim 'spd-beats-stride' names the level 'stride' of model.downsample; did"
    ):
        tables(toy(claims=[wrong]))


def test_claims_carry_the_badges_of_their_arms(toy, claim):
    derived = tables(change(toy(claims=[claim()]), "spd", 0, environment="e2"))
    assert derived.claims["badges"].tolist() == ["mixed environments"]


def test_strict_names_faults_with_their_rows(toy):
    assert strict_problems(tables(toy())) == []
    problems = strict_problems(tables(drop(toy(), "spd", [2])))
    assert len(problems) == 3
    assert problems[0].startswith("variant spd: missing seeds (a planned trial has no result")
    assert problems[1].startswith("spd against strided on accuracy: missing seeds")


def test_strict_lets_normality_be_assumed(toy):
    results = toy()
    for variant in results.plan["variants"]:
        variant["keys"] = {seed: key for seed, key in variant["keys"].items() if int(seed) < 5}
    derived = tables(replace(results, trials=results.trials[results.trials["seed"] < 5]))
    assert derived.contrasts["badges"][0] == "normality assumed"
    assert strict_problems(derived) == []
