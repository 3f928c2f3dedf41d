import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.analysis import conclude
from ablate.analysis.claims import claim_pairs
from ablate.errors import UnknownName
from ablate.schema import DifferenceClaim

PATHS = {"model.downsample": "downsample", "model.width": "width"}


def claim(better: dict[str, object], than: dict[str, object]) -> DifferenceClaim:
    stated = {"id": "c", "source": "a paper", "statement": "one beats the other"}
    return DifferenceClaim.model_validate({**stated, "better": better, "than": than})


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
    found = claim_pairs(grid(), claim({"model.downsample": "spd"}, {"model.downsample": "strided"}), PATHS)
    assert found == [
        ("downsample=spd,width=0.25", "downsample=strided,width=0.25"),
        ("downsample=spd,width=0.5", "downsample=strided,width=0.5"),
    ]


def test_several_factors_may_differ():
    stated = claim(
        {"model.downsample": "spd", "model.width": 0.25}, {"model.downsample": "strided", "model.width": 0.5}
    )
    assert claim_pairs(grid(), stated, PATHS) == [("downsample=spd,width=0.25", "downsample=strided,width=0.5")]


def test_a_factor_named_on_one_side_holds_on_both():
    stated = claim({"model.downsample": "spd", "model.width": 0.5}, {"model.downsample": "strided"})
    assert claim_pairs(grid(), stated, PATHS) == [("downsample=spd,width=0.5", "downsample=strided,width=0.5")]


@pytest.mark.parametrize("widths", [(0.25, 0.5), ("0.25", "0.5")])
def test_a_level_is_its_name(widths):
    stated = claim({"model.width": 0.5}, {"model.width": "0.25"})
    assert len(claim_pairs(grid(widths=widths), stated, PATHS)) == 2


def test_an_absent_arm_gives_no_pair():
    assert claim_pairs(grid(), claim({"model.downsample": "spd"}, {"model.downsample": "maxpool"}), PATHS) == []
    assert claim_pairs(grid(), claim({"model.downsample": "maxpool"}, {"model.downsample": "spd"}), PATHS) == []


def test_a_cell_without_partner_is_left_out():
    trials = grid()
    trials = trials[trials["variant"] != "downsample=strided,width=0.5"]
    found = claim_pairs(trials, claim({"model.downsample": "spd"}, {"model.downsample": "strided"}), PATHS)
    assert found == [("downsample=spd,width=0.25", "downsample=strided,width=0.25")]


def test_an_unknown_factor_is_named():
    with pytest.raises(UnknownName, match=r"unknown factor 'model.downsampling'; did you mean 'model.downsample'"):
        claim_pairs(grid(), claim({"model.downsampling": "spd"}, {"model.downsample": "strided"}), PATHS)


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
