import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablate.analysis import conclude, contrasts
from ablate.analysis.conclusions import CLAIM_COLUMNS, CONTRAST_COLUMNS
from ablate.analysis.factorial import pair
from ablate.analysis.images import OverSeeds, images_intervals
from ablate.errors import AblateError, UnknownName
from ablate.records import PackedBits
from ablate.schema import DifferenceClaim

VARIANTS = ("strided", "spd", "maxpool")
PATHS = {"model.downsample": "downsample"}


def study(n: int = 8, seed: int = 0, effects: tuple[float, ...] = (0.0, 0.02, -0.001)) -> pd.DataFrame:
    """Seeds share a part of their luck, as paired trials do."""
    draw = np.random.default_rng(seed)
    shared = draw.normal(0, 0.02, n)
    rows = [
        {"variant": variant, "downsample": variant, "seed": 10 + index, "accuracy": accuracy, "test_loss": 2 - accuracy}
        for variant, effect in zip(VARIANTS, effects, strict=True)
        for index, accuracy in enumerate(0.8 + effect + shared + draw.normal(0, 0.006, n))
    ]
    return pd.DataFrame(rows)


def values(trials: pd.DataFrame, variant: str, metric: str = "accuracy") -> np.ndarray:
    return trials[trials["variant"] == variant].sort_values("seed")[metric].to_numpy()


def claim(better: str = "spd", than: str = "strided", **others: object) -> DifferenceClaim:
    stated = {"id": f"{better}-over-{than}", "source": "a paper", "statement": "one beats the other"}
    levels = {"better": {"model.downsample": better}, "than": {"model.downsample": than}}
    return DifferenceClaim.model_validate({**stated, **levels, **others})


def test_columns_are_the_contract():
    found = contrasts(study(), baseline="strided")
    assert tuple(found.columns) == CONTRAST_COLUMNS
    assert list(found.columns) == [
        *("variant", "baseline", "metric", "n", "difference", "ci_low", "ci_high", "images_ci_low", "images_ci_high"),
        *("p_value", "p_sign_flip", "p_adjusted", "effect_size", "probability_of_improvement", "verdict", "badges"),
    ]
    assert found["variant"].tolist() == ["spd", "maxpool"]
    assert set(found["baseline"]) == {"strided"}


def test_statistics_are_scipys():
    trials = study()
    found = contrasts(trials, baseline="strided", metrics=["accuracy"]).set_index("variant")
    for variant in ("spd", "maxpool"):
        left, right = values(trials, variant), values(trials, "strided")
        expected = stats.ttest_rel(left, right)
        interval = expected.confidence_interval(0.95)
        flips = stats.permutation_test(
            (left - right,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
        )
        row = found.loc[variant]
        assert row["n"] == 8
        assert row["difference"] == pytest.approx(np.mean(left - right), abs=1e-10)
        assert row["p_value"] == pytest.approx(expected.pvalue, abs=1e-10)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high), abs=1e-10)
        assert row["p_sign_flip"] == pytest.approx(flips.pvalue, abs=1e-10)
        assert row["effect_size"] == pytest.approx(np.mean(left - right) / np.std(left - right, ddof=1), abs=1e-10)
    adjusted = multipletests(found["p_value"], method="holm")[1]
    assert found["p_adjusted"].tolist() == pytest.approx(adjusted.tolist(), abs=1e-10)
    assert found["verdict"].tolist() == ["better", "inconclusive"]


def test_lower_is_better_for_a_loss():
    found = contrasts(study(), "strided", ["test_loss"]).set_index("variant")
    assert found.loc["spd", "difference"] < 0
    assert found.loc["spd", "verdict"] == "better"


def test_metrics_are_separate_families():
    trials = study()
    both = contrasts(trials, "strided", ["accuracy", "test_loss"])
    alone = pd.concat([contrasts(trials, "strided", [metric]) for metric in ("accuracy", "test_loss")])
    pd.testing.assert_frame_equal(both, alone.reset_index(drop=True))


@pytest.mark.parametrize("margin", [0.02, {"accuracy": 0.02}])
def test_a_margin_allows_equivalence(margin):
    trials = study(effects=(0.0, 0.05, 0.0))
    found = contrasts(trials, "strided", margin=margin).set_index("variant")
    differences = values(trials, "maxpool") - values(trials, "strided")
    assert stats.ttest_1samp(differences, -0.02, alternative="greater").pvalue < 0.05
    assert stats.ttest_1samp(differences, 0.02, alternative="less").pvalue < 0.05
    assert found.loc["maxpool", "verdict"] == "equivalent"
    assert found.loc["spd", "verdict"] == "better"


def test_a_margin_is_of_its_own_metric():
    found = contrasts(study(effects=(0.0, 0.05, 0.0)), "strided", ["test_loss", "accuracy"], margin={"accuracy": 0.02})
    verdicts = found.set_index(["metric", "variant"])["verdict"]
    assert verdicts["accuracy", "maxpool"] == "equivalent"
    assert verdicts["test_loss", "maxpool"] == "inconclusive"


def test_equal_arms_give_p_one_and_a_point_interval():
    trials = study()
    same = trials[trials["variant"] == "strided"].assign(variant="copy")
    row = contrasts(pd.concat([trials, same]), "strided").set_index("variant").loc["copy"]
    assert row[["difference", "ci_low", "ci_high", "effect_size"]].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert row[["p_value", "p_sign_flip", "p_adjusted"]].tolist() == [1.0, 1.0, 1.0]
    assert row["verdict"] == "inconclusive"


def test_a_constant_shift_gives_p_one_and_a_point_interval():
    trials = study()
    shifted = trials[trials["variant"] == "strided"].assign(
        variant="shifted", accuracy=lambda rows: rows.accuracy + 0.1
    )
    row = contrasts(pd.concat([trials, shifted]), "strided").set_index("variant").loc["shifted"]
    assert row["p_value"] == 1.0
    assert row["ci_low"] == row["difference"] == row["ci_high"] == pytest.approx(0.1)
    assert row["effect_size"] == math.inf
    assert row["p_sign_flip"] == 2 / 2**8
    assert row["verdict"] == "inconclusive"


@pytest.mark.parametrize("how", ["row absent", "value missing"])
def test_a_missing_seed_leaves_the_statistics_of_the_complete_pairs_and_no_conclusion(how):
    trials = study(effects=(0.0, 0.05, 0.05))
    gone = (trials["variant"] == "spd") & (trials["seed"] == 12)
    less = trials[~gone] if how == "row absent" else trials.assign(accuracy=trials["accuracy"].mask(gone))
    found = contrasts(less, "strided").set_index("variant")
    complete = trials[trials["seed"] != 12]
    expected = stats.ttest_rel(values(complete, "spd"), values(complete, "strided")).pvalue
    assert found.loc["spd", "n"] == 7
    assert found.loc["spd", "p_value"] == pytest.approx(expected, abs=1e-10)
    assert found.loc["spd", ["verdict", "badges"]].tolist() == ["inconclusive", "missing seeds"]
    assert found.loc["maxpool", ["verdict", "badges"]].tolist() == ["better", ""]


def test_few_pairs_give_no_verdict():
    found = contrasts(study(n=2), "strided")
    assert found["verdict"].tolist() == [None, None]
    assert found["n"].tolist() == [2, 2]
    assert found["p_value"].notna().all()


def test_one_pair_and_an_arm_without_values():
    trials = study(n=1)
    trials.loc[trials["variant"] == "maxpool", "accuracy"] = math.nan
    found = contrasts(trials, "strided").set_index("variant")
    assert found["n"].to_dict() == {"spd": 1, "maxpool": 0}
    assert found["p_value"].isna().all()
    assert found["verdict"].tolist() == [None, None]
    assert found.loc["maxpool", "badges"] == "missing seeds"


def test_five_seeds_rest_on_normality():
    assert set(contrasts(study(n=5), "strided")["badges"]) == {"normality assumed"}


def test_a_baseline_alone_gives_an_empty_table():
    trials = study()
    found = contrasts(trials[trials["variant"] == "strided"], "strided")
    assert tuple(found.columns) == CONTRAST_COLUMNS
    assert found.empty


def test_own_columns_need_a_direction():
    trials = study().assign(top5=lambda rows: rows["accuracy"])
    with pytest.raises(UnknownName, match="no direction is known for metric 'top5'; pass directions="):
        contrasts(trials, "strided", ["top5"])
    found = contrasts(trials, "strided", ["top5"], directions={"top5": "lower"})
    assert found["verdict"].tolist() == ["worse", "inconclusive"]


def test_wrong_input_is_named():
    with pytest.raises(UnknownName, match="unknown baseline 'stride'; did you mean 'strided'"):
        contrasts(study(), "stride")
    with pytest.raises(AblateError, match="no column 'top1'"):
        contrasts(study(), "strided", ["top1"])
    with pytest.raises(AblateError, match=r"metrics: 'accuracy' is one name; give a list of names, \['accuracy'\]"):
        contrasts(study(), "strided", "accuracy")
    with pytest.raises(AblateError, match="margin of accuracy is 0; it must be above 0"):
        contrasts(study(), "strided", margin=0)
    with pytest.raises(AblateError, match="margin names 'test_loss', which is not among the metrics accuracy"):
        contrasts(study(), "strided", margin={"test_loss": 0.1})


def test_a_claim_that_is_a_contrast_counts_once():
    trials = study()
    tested = [pair("spd", "strided"), pair("maxpool", "strided")]
    found = conclude(trials, tested, ["accuracy"], claims=[claim()], factor_columns=PATHS)
    pd.testing.assert_frame_equal(found.contrasts, contrasts(trials, "strided"))
    row = found.claims.iloc[0]
    assert tuple(found.claims.columns) == CLAIM_COLUMNS
    assert row["verdict"] == "supported"
    assert row["measured"] == found.contrasts["difference"][0]
    assert (row["ci_low"], row["ci_high"]) == (found.contrasts["ci_low"][0], found.contrasts["ci_high"][0])


def test_a_claim_of_its_own_joins_the_family():
    trials = study()
    tested = [pair("spd", "strided"), pair("maxpool", "strided")]
    found = conclude(trials, tested, ["accuracy"], claims=[claim("maxpool", "spd")], factor_columns=PATHS)
    arms = [("spd", "strided"), ("maxpool", "strided"), ("maxpool", "spd")]
    p_values = [stats.ttest_rel(values(trials, left), values(trials, right)).pvalue for left, right in arms]
    adjusted = multipletests(p_values, method="holm")[1]
    assert found.contrasts["p_adjusted"].tolist() == pytest.approx(adjusted[:2].tolist(), abs=1e-10)
    assert found.contrasts["p_adjusted"][0] > contrasts(trials, "strided")["p_adjusted"][0]
    assert found.claims["verdict"].tolist() == ["contradicted"]


def test_a_claim_about_another_metric_is_a_family_of_its_own():
    trials = study()
    tested = [pair("spd", "strided"), pair("maxpool", "strided")]
    about_loss = claim(metric="test_loss", published_difference=-0.1)
    found = conclude(trials, tested, ["accuracy"], claims=[about_loss], factor_columns=PATHS)
    pd.testing.assert_frame_equal(found.contrasts, contrasts(trials, "strided"))
    row = found.claims.iloc[0]
    assert (row["metric"], row["published"], row["verdict"]) == ("test_loss", -0.1, "supported")
    assert row["measured"] < 0


def test_a_claim_whose_arm_is_absent_or_too_small_is_not_tested():
    trials = study(n=2)
    claims = [claim("spd", "blurpool"), claim("spd", "strided")]
    found = conclude(trials, [], ["accuracy"], claims=claims, factor_columns=PATHS).claims
    assert found["verdict"].tolist() == ["not tested", "not tested"]
    assert found["published"].isna().all()


def test_a_claim_with_a_missing_seed_is_inconclusive():
    trials = study(effects=(0.0, 0.05, 0.05))
    trials.loc[(trials["variant"] == "spd") & (trials["seed"] == 11), "accuracy"] = math.nan
    row = conclude(trials, [], ["accuracy"], claims=[claim()], factor_columns=PATHS).claims.iloc[0]
    assert (row["verdict"], row["badges"]) == ("inconclusive", "missing seeds")


def test_the_share_of_better_pairs_follows_the_direction():
    trials = study(effects=(0.0, 0.002, 0.0), seed=1)
    found = contrasts(trials, "strided", ["accuracy", "test_loss"]).set_index(["variant", "metric"])
    share = float(np.mean(values(trials, "spd") > values(trials, "strided")))
    assert 0 < share < 1
    assert found.loc[("spd", "accuracy"), "probability_of_improvement"] == share
    assert found.loc[("spd", "test_loss"), "probability_of_improvement"] == share


class TestImages:
    """The interval over seeds x images that stands beside the first."""

    IMAGES = 40

    def bits(self, trials: pd.DataFrame) -> dict[tuple[str, int], PackedBits]:
        draw = np.random.default_rng(1)
        right = draw.random((len(trials), self.IMAGES)) < 0.8
        packed = [PackedBits(np.packbits(row).tobytes(), self.IMAGES) for row in right]
        return dict(zip(zip(trials["variant"], trials["seed"], strict=True), packed, strict=True))

    def test_it_is_that_of_the_bootstrap_for_accuracy_alone(self):
        trials = study()
        bits = self.bits(trials)
        found = contrasts(trials, "strided", ["test_loss", "accuracy"], correct=bits).set_index(["metric", "variant"])
        seeds = tuple(range(10, 18))
        asked = [OverSeeds(pair(variant, "strided").weights, seeds) for variant in ("spd", "maxpool")]
        expected = images_intervals(bits, asked)
        assert len(set(expected)) == 2
        interval = found[["images_ci_low", "images_ci_high"]]
        assert [tuple(row) for row in interval.loc["accuracy"].to_numpy()] == expected
        assert interval.loc["test_loss"].isna().all(axis=None)

    def test_without_bits_there_is_none(self):
        assert contrasts(study(), "strided")[["images_ci_low", "images_ci_high"]].isna().all(axis=None)

    def test_it_is_over_the_seeds_that_are_complete(self):
        trials = study()
        bits = self.bits(trials)
        trials.loc[(trials["variant"] == "spd") & (trials["seed"] == 12), "accuracy"] = math.nan
        row = contrasts(trials, "strided", correct=bits).set_index("variant").loc["spd"]
        seeds = (10, 11, 13, 14, 15, 16, 17)
        expected = images_intervals(bits, [OverSeeds(pair("spd", "strided").weights, seeds)])
        assert [(row["images_ci_low"], row["images_ci_high"])] == expected
