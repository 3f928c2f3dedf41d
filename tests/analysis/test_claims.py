from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablate.analysis import conclude
from ablate.analysis.claims import cells_of, claim_weights
from ablate.analysis.factorial import main_effects
from ablate.errors import UnknownName
from ablate.schema import DifferenceClaim, InteractionClaim

HALF = Fraction(1, 2)
PATHS = {"model.downsample": "downsample", "model.width": "width"}


def claim(better: dict[str, object], than: dict[str, object]) -> DifferenceClaim:
    stated = {"id": "c", "source": "a paper", "statement": "one beats the other"}
    return DifferenceClaim.model_validate({**stated, "better": better, "than": than})


def interaction(metric: str | None = None) -> InteractionClaim:
    """SPD is said to lead by more on wide networks."""
    sides = {
        "better": {"model.downsample": "spd"},
        "than": {"model.downsample": "strided"},
        "more_at": {"model.width": 0.5},
        "than_at": {"model.width": 0.25},
    }
    stated = {"id": "i", "source": "a paper", "statement": "it depends", "metric": metric, "published_difference": 0.01}
    return InteractionClaim.model_validate({**stated, "interaction": sides})


def grid(downsamples: tuple[str, ...] = ("spd", "strided"), widths: tuple[object, ...] = (0.25, 0.5)) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    rows = [
        {"variant": f"downsample={down},width={width}", "downsample": down, "width": width, "seed": seed}
        for down in downsamples
        for width in widths
        for seed in range(6)
    ]
    return pd.DataFrame(rows).assign(accuracy=draw.normal(0.8, 0.05, len(rows)))


def test_every_match_meets_the_one_that_agrees_on_the_rest():
    found = claim_weights(
        cells_of(grid(), PATHS), claim({"model.downsample": "spd"}, {"model.downsample": "strided"}), PATHS
    )
    assert found == {
        "downsample=spd,width=0.25": HALF,
        "downsample=strided,width=0.25": -HALF,
        "downsample=spd,width=0.5": HALF,
        "downsample=strided,width=0.5": -HALF,
    }


def test_several_factors_may_differ():
    stated = claim(
        {"model.downsample": "spd", "model.width": 0.25}, {"model.downsample": "strided", "model.width": 0.5}
    )
    found = claim_weights(cells_of(grid(), PATHS), stated, PATHS)
    assert found == {"downsample=spd,width=0.25": 1, "downsample=strided,width=0.5": -1}


def test_a_factor_named_on_one_side_holds_on_both():
    stated = claim({"model.downsample": "spd", "model.width": 0.5}, {"model.downsample": "strided"})
    found = claim_weights(cells_of(grid(), PATHS), stated, PATHS)
    assert found == {"downsample=spd,width=0.5": 1, "downsample=strided,width=0.5": -1}


@pytest.mark.parametrize("widths", [(0.25, 0.5), ("0.25", "0.5")])
def test_a_level_is_its_name(widths):
    found = claim_weights(
        cells_of(grid(widths=widths), PATHS), claim({"model.width": 0.5}, {"model.width": "0.25"}), PATHS
    )
    assert len(found) == 4


def test_an_absent_arm_gives_nothing_to_compare():
    assert (
        claim_weights(
            cells_of(grid(), PATHS), claim({"model.downsample": "spd"}, {"model.downsample": "maxpool"}), PATHS
        )
        == {}
    )
    assert (
        claim_weights(
            cells_of(grid(), PATHS), claim({"model.downsample": "maxpool"}, {"model.downsample": "spd"}), PATHS
        )
        == {}
    )


def test_a_cell_without_partner_is_left_out():
    trials = grid()
    trials = trials[trials["variant"] != "downsample=strided,width=0.5"]
    found = claim_weights(
        cells_of(trials, PATHS), claim({"model.downsample": "spd"}, {"model.downsample": "strided"}), PATHS
    )
    assert found == {"downsample=spd,width=0.25": 1, "downsample=strided,width=0.25": -1}


def test_an_unknown_factor_is_named():
    with pytest.raises(UnknownName, match=r"unknown factor 'model.downsampling'; did you mean 'model.downsample'"):
        claim_weights(
            cells_of(grid(), PATHS), claim({"model.downsampling": "spd"}, {"model.downsample": "strided"}), PATHS
        )


def test_measured_averages_over_the_other_factors():
    trials = grid()
    wide = trials.pivot_table(index="seed", columns=["downsample", "width"], values="accuracy")
    differences = (wide["spd"] - wide["strided"]).mean(axis="columns")
    expected = stats.ttest_1samp(differences, 0)
    stated = claim({"model.downsample": "spd"}, {"model.downsample": "strided"})
    row = conclude(trials, [], ["accuracy"], claims=[stated], factor_columns=PATHS).claims.iloc[0]
    assert row["measured"] == pytest.approx(differences.mean(), abs=1e-12)
    interval = expected.confidence_interval(0.95)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high), abs=1e-10)


def test_an_interaction_is_a_difference_of_differences():
    assert claim_weights(cells_of(grid(), PATHS), interaction(), PATHS) == {
        "downsample=spd,width=0.5": 1,
        "downsample=strided,width=0.5": -1,
        "downsample=spd,width=0.25": -1,
        "downsample=strided,width=0.25": 1,
    }


def shifted(by: float) -> pd.DataFrame:
    """SPD on the wide network gains `by`, whatever the seed."""
    trials = grid()
    draw = np.random.default_rng(1)
    luck = draw.normal(0, 0.002, len(trials))
    gain = by * ((trials["downsample"] == "spd") & (trials["width"] == 0.5))
    return trials.assign(accuracy=0.8 + gain + luck, test_loss=1.0 - gain - luck)


@pytest.mark.parametrize(("by", "verdict"), [(0.05, "supported"), (-0.05, "contradicted"), (0.0, "inconclusive")])
def test_an_interaction_is_judged_like_a_difference(by, verdict):
    trials = shifted(by)
    row = conclude(trials, [], ["accuracy"], claims=[interaction()], factor_columns=PATHS).claims.iloc[0]
    wide = trials.pivot_table(index="seed", columns=["downsample", "width"], values="accuracy")
    by_hand = (wide["spd", 0.5] - wide["strided", 0.5]) - (wide["spd", 0.25] - wide["strided", 0.25])
    expected = stats.ttest_1samp(by_hand, 0)
    interval = expected.confidence_interval(0.95)
    assert row["measured"] == pytest.approx(by_hand.mean(), abs=1e-12)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high), abs=1e-10)
    assert (row["verdict"], row["published"]) == (verdict, 0.01)
    assert (expected.pvalue < 0.05) == (verdict != "inconclusive")


def test_an_interaction_in_a_loss_is_supported_by_a_negative_number():
    claims = [interaction("test_loss")]
    row = conclude(shifted(0.05), [], ["accuracy"], claims=claims, factor_columns=PATHS).claims.iloc[0]
    assert row["measured"] < 0
    assert row["verdict"] == "supported"


def test_an_interaction_whose_arms_are_absent_is_not_tested():
    trials = grid(widths=(0.5,))
    row = conclude(trials, [], ["accuracy"], claims=[interaction()], factor_columns=PATHS).claims.iloc[0]
    assert row["verdict"] == "not tested"


def test_main_effects_and_claims_are_one_family():
    trials = shifted(0.01)
    cells = [
        (variant, {"downsample": down, "width": str(width)})
        for variant, down, width in trials[["variant", "downsample", "width"]].drop_duplicates().to_numpy()
    ]
    tested = main_effects(cells, ["downsample", "width"], [], {"downsample": "strided", "width": "0.25"})
    # The difference claim is the main effect of downsampling, in other words: three tests, not four.
    claims = [claim({"model.downsample": "strided"}, {"model.downsample": "spd"}), interaction()]
    found = conclude(trials, tested, ["accuracy"], claims=claims, factor_columns=PATHS)
    wide = trials.pivot_table(index="seed", columns=["downsample", "width"], values="accuracy")
    numbers = [
        (wide["spd"] - wide["strided"]).mean(axis="columns"),
        (wide["spd", 0.5] + wide["strided", 0.5] - wide["spd", 0.25] - wide["strided", 0.25]) / 2,
        (wide["spd", 0.5] - wide["strided", 0.5]) - (wide["spd", 0.25] - wide["strided", 0.25]),
    ]
    adjusted = multipletests([stats.ttest_1samp(each, 0).pvalue for each in numbers], method="holm")[1]
    assert found.contrasts["p_adjusted"].tolist() == pytest.approx(adjusted[:2].tolist(), abs=1e-10)
    assert found.claims["measured"][0] == pytest.approx(-found.contrasts["difference"][0], abs=1e-15)
