import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.analysis import contrasts
from ablate.analysis.factorial import pair
from ablate.analysis.images import OverSeeds, images_intervals
from ablate.errors import ResultsError, UnknownName
from ablate.records import PackedBits
from ablate.report import strict_problems, tables
from ablate.report.derive import study_claims

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
        *("params", "macs", "training_macs", "params_ratio", "macs_ratio", "training_steps", "total_training_macs"),
        *("latency_ms_p50", "latency_ms_p50_b64", "latency_ms_p90_b64", "badges"),
    ]
    assert variants["variant"].tolist() == ["strided", "spd", "maxpool"]
    assert variants["n"].tolist() == [8, 8, 8]
    assert variants["params"].tolist() == [1000, 4000, 1000]
    assert variants["training_macs"].tolist() == [105_300_000, 421_200_000, 105_300_000]
    assert variants["params_ratio"].tolist() == variants["macs_ratio"].tolist() == [1.0, 4.0, 1.0]
    assert variants["training_steps"].tolist() == [234, 234, 234]
    # 234 steps of 128 images, each three times the 35.1 M of a forward pass.
    assert variants["total_training_macs"].tolist() == pytest.approx([3.153946e12, 1.2615782e13, 3.153946e12], rel=1e-6)
    assert variants["latency_ms_p50"].tolist() == [1.234, 2.468, 1.234]
    spd = results.trials[results.trials["variant"] == "spd"]["accuracy"]
    assert variants["accuracy_mean"][1] == pytest.approx(spd.mean())
    assert variants["accuracy_sd"][1] == pytest.approx(spd.std())


def test_without_costs_there_are_no_cost_columns(toy, without_costs):
    derived = tables(without_costs(toy()))
    assert list(derived.variants.columns)[-8:-5] == ["params", "macs", "training_macs"]
    assert list(derived.variants.columns)[-1] == "badges"
    assert set(derived.costs["metric"]) == {"params", "macs", "training_macs"}


def test_primary_contrasts_are_those_of_the_public_function(toy):
    results = toy()
    found = tables(results).contrasts.query("metric == 'accuracy'").reset_index(drop=True)
    expected = contrasts(results.trials, baseline="strided").astype({"n": "Int64"})
    pd.testing.assert_frame_equal(found, expected)
    assert verdicts(tables(results)) == {"spd": "better", "maxpool": "inconclusive"}


def with_bits(results, images=50):
    """`results` whose trials have bits by the accuracy they name."""
    draw = np.random.default_rng(0)
    drawn = {
        row["key"]: np.packbits(draw.random(images) < row["accuracy"]).tobytes()
        for row in results.trials.to_dict("records")
    }
    return replace(results, correct={key: PackedBits(packed, images) for key, packed in drawn.items()})


@pytest.mark.parametrize("primary", ["accuracy", "test_loss"])
def test_accuracy_has_an_interval_over_seeds_and_images(toy, primary):
    results = with_bits(toy(primary=primary))
    rows = tables(results).contrasts.set_index(["metric", "variant"])
    bits = {(row["variant"], row["seed"]): results.correct[row["key"]] for row in results.trials.to_dict("records")}
    asked = [OverSeeds(pair(variant, "strided").weights, tuple(range(8))) for variant in ("spd", "maxpool")]
    found = rows.loc["accuracy", ["images_ci_low", "images_ci_high"]]
    assert [tuple(row) for row in found.to_numpy()] == images_intervals(bits, asked)
    assert rows.loc[["test_loss", "params"], ["images_ci_low", "images_ci_high"]].isna().all(axis=None)


def test_main_effects_under_each_condition_have_that_interval_too(toy):
    results = with_bits(toy(factors={"data.noise": [0, 8], **CROSSED}))
    rows = tables(results).contrasts.query("metric == 'accuracy'")
    assert len(rows) == 4
    assert (rows["images_ci_low"] < rows["images_ci_high"]).all()


def test_the_share_of_better_pairs_stands_with_every_metric_of_trials(toy):
    results = toy()
    rows = tables(results).contrasts.set_index(["metric", "variant"])["probability_of_improvement"]
    by_seed = results.trials.pivot(index="seed", columns="variant", values="accuracy")
    share = (by_seed["maxpool"] > by_seed["strided"]).mean()
    assert 0 < share < 1
    assert rows["accuracy", "maxpool"] == rows["test_loss", "maxpool"] == share
    assert rows["params"].isna().all()


def test_other_metrics_are_described_without_verdict(toy):
    found = tables(toy()).contrasts
    assert found["metric"].tolist() == ["accuracy"] * 2 + ["test_loss"] * 2 + ["params"] * 2 + ["macs"] * 2
    loss = found[found["metric"] == "test_loss"]
    assert loss[["p_value", "p_sign_flip", "p_adjusted"]].isna().all(axis=None)
    assert loss[["ci_low", "ci_high"]].notna().all(axis=None)
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


def test_a_trial_of_an_environment_that_is_not_on_record_has_a_badge(toy):
    derived = tables(change(toy(), "spd", 0, environment="lost"))
    assert derived.variants["badges"].tolist() == ["", "unknown environment", ""]
    assert derived.contrasts["badges"][0] == "unknown environment"
    # A trial that failed ran nowhere.
    assert "unknown environment" not in tables(change(toy(), "spd", 0, environment="")).contrasts["badges"][0]


def test_a_metric_that_nobody_knows_is_named_with_its_file(toy):
    results = toy(measure=["accuracy", "acuracy"])
    with pytest.raises(ResultsError, match=r"results/toy/plan\.json: unknown metric 'acuracy'; did you mean"):
        tables(results)


def test_arms_on_different_machines_are_mixed_though_neither_is_by_itself(toy):
    results = toy()
    moved = results.trials["environment"].where(results.trials["variant"] != "spd", "e2")
    derived = tables(replace(results, trials=results.trials.assign(environment=moved)))
    assert derived.variants["badges"].tolist() == ["", "", ""]
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    assert accuracy["badges"].tolist() == ["mixed environments", ""]


def test_a_crossed_grid_has_cells_with_intervals_and_main_effects_with_verdicts(toy):
    results = toy(factors=CROSSED)
    derived = tables(results)
    assert len(derived.variants) == 4
    assert derived.variants["accuracy_ci_low"].notna().all()
    assert "verdict" not in derived.variants
    assert verdicts(derived) == {"downsample=spd": "better", "width=0.5": "inconclusive"}
    cells = results.trials.pivot_table(index="seed", columns=["downsample", "width"], values="accuracy")
    by_seed = (cells["spd"] - cells["strided"]).mean(axis="columns")
    expected = stats.ttest_1samp(by_seed, 0)
    row = derived.contrasts.iloc[0]
    assert (row["variant"], row["baseline"], row["n"]) == ("downsample=spd", "downsample=strided", 8)
    assert row["difference"] == pytest.approx(by_seed.mean(), abs=1e-12)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert row["p_adjusted"] == pytest.approx(2 * expected.pvalue, rel=1e-9)


def test_exact_main_effects_are_differences_of_means_over_cells(toy):
    results = toy(factors=CROSSED)
    for variant, params, macs in zip(results.plan["variants"], (100, 300, 1000, 5001), (1, 2, 4, 7), strict=True):
        variant["params"], variant["macs"] = params, macs
    exact = tables(results).contrasts.query("metric == 'params' or metric == 'macs'")
    # Cells in order: strided narrow, strided wide, SPD narrow, SPD wide.
    assert exact["difference"].tolist() == [(6001 - 400) / 2, (5301 - 1100) / 2, (11 - 3) / 2, (9 - 5) / 2]
    assert exact["verdict"].tolist() == [None] * 4


def test_a_crossed_grid_can_be_read_against_another_baseline(toy):
    own, other = (tables(toy(factors=CROSSED), baseline=name) for name in (None, "downsample=spd,width=0.25"))
    assert verdicts(other) == {"downsample=strided": "worse", "width=0.5": "inconclusive"}
    assert other.contrasts["difference"][0] == pytest.approx(-own.contrasts["difference"][0], abs=1e-15)


def test_one_missing_cell_holds_back_every_effect_that_it_is_part_of(toy):
    results = toy(factors={"model.downsample": ["strided", "spd", "maxpool"], "model.width": ["0.25", "0.5"]})
    derived = tables(drop(results, "downsample=spd,width=0.5", [2]))
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"].set_index("variant")
    assert accuracy["n"].to_dict() == {"downsample=spd": 7, "downsample=maxpool": 8, "width=0.5": 7}
    assert accuracy["badges"].str.contains("missing seeds").to_dict() == {
        "downsample=spd": True,
        "downsample=maxpool": False,
        "width=0.5": True,
    }
    assert accuracy["verdict"]["downsample=spd"] == "inconclusive"


def test_a_grid_of_which_one_variant_has_run_concludes_nothing(toy):
    results = toy(factors=CROSSED)
    only = replace(results, trials=results.trials[results.trials["variant"] == "downsample=spd,width=0.25"])
    derived = tables(only)
    assert verdicts(derived) == {"downsample=spd": None, "width=0.5": None}
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    assert accuracy["n"].tolist() == [0, 0]
    assert accuracy["badges"].tolist() == ["missing seeds", "missing seeds"]
    assert derived.variants["n"].tolist() == [0, 0, 8, 0]


def test_main_effects_carry_the_badges_of_all_their_cells(toy):
    derived = tables(change(toy(factors=CROSSED), "downsample=strided,width=0.5", 0, environment="e2"))
    accuracy = derived.contrasts[derived.contrasts["metric"] == "accuracy"]
    assert accuracy["badges"].tolist() == ["mixed environments", "mixed environments"]


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


def test_an_interaction_claim_is_measured(toy, interaction):
    results = toy(factors=CROSSED, claims=[interaction(published_difference=0.01)])
    row = tables(results).claims.iloc[0]
    cells = results.trials.pivot_table(index="seed", columns=["downsample", "width"], values="accuracy")
    lead = cells["spd"] - cells["strided"]
    assert row["measured"] == pytest.approx((lead["0.25"] - lead["0.5"]).mean(), abs=1e-12)
    assert (row["published"], row["verdict"], row["metric"]) == (0.01, "inconclusive", "accuracy")


def test_an_interaction_claim_joins_the_family_of_the_main_effects(toy, interaction):
    alone, joined = tables(toy(factors=CROSSED)), tables(toy(factors=CROSSED, claims=[interaction()]))
    assert joined.contrasts["p_adjusted"][0] == pytest.approx(1.5 * alone.contrasts["p_adjusted"][0])


def test_an_interaction_claim_about_a_level_that_the_plan_has_not_is_an_error(toy, interaction):
    wrong = interaction()
    wrong["interaction"]["than_at"] = {"model.width": "0.75"}
    with pytest.raises(ResultsError, match=r"claim 'spd-needs-width' names the level '0.75' of model.width; did"):
        tables(toy(factors=CROSSED, claims=[wrong]))


def test_claims_about_counts_are_none_of_training(toy, claim):
    count = {"system": "spd", "quantity": "params", "published": 4000.0}
    stated = {"id": "c", "source": "a paper", "statement": "4,000 parameters", "count": count}
    results = toy(claims=[stated, claim()])
    assert [each.id for each in study_claims(results)] == ["spd-beats-stride"]


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
    assert problems[0].startswith("variant spd: missing seeds (a planned trial has no value of the metric")
    assert problems[1].startswith("spd against strided on accuracy: missing seeds")


def test_strict_lets_normality_be_assumed(toy):
    results = toy()
    for variant in results.plan["variants"]:
        variant["keys"] = {seed: key for seed, key in variant["keys"].items() if int(seed) < 5}
    derived = tables(replace(results, trials=results.trials[results.trials["seed"] < 5]))
    assert derived.contrasts["badges"][0] == "normality assumed"
    assert strict_problems(derived) == []


@pytest.mark.parametrize("baseline", ["downsample=strided,width=0.25", "downsample=spd,width=0.5"])
def test_crossed_tables_keep_what_they_were_set_against(toy, baseline):
    results = toy(factors={"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]})
    derived = tables(results, baseline)
    assert derived.baseline == baseline
    first = derived.tested[0]
    assert {first.variant, first.baseline} == {"downsample=spd", "downsample=strided"}
    assert set(first.weights) == {variant["variant"] for variant in results.plan["variants"]}


def test_what_is_tested_is_in_the_order_of_the_tables(toy):
    derived = tables(toy(), "maxpool")
    assert [(each.variant, each.baseline) for each in derived.tested] == [("strided", "maxpool"), ("spd", "maxpool")]
    assert derived.baseline == "maxpool"
    assert tables(toy()).baseline == "strided"
