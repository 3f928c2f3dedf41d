import pytest

from ablate.errors import ResultsError, UnknownName
from ablate.report.contrasting import baseline_pairs, crosses_factors, why_no_contrasts

DOWNSAMPLE = {"model.downsample": ["strided", "spd", "maxpool"]}


def test_one_factor_is_compared_with_its_baseline(toy):
    assert baseline_pairs(toy().plan) == [("spd", "strided"), ("maxpool", "strided")]


def test_another_baseline(toy):
    assert baseline_pairs(toy().plan, "maxpool") == [("strided", "maxpool"), ("spd", "maxpool")]
    with pytest.raises(UnknownName, match=r"unknown variant 'max'; .*choices: maxpool, spd, strided"):
        baseline_pairs(toy().plan, "max")


def test_no_contrast_crosses_conditions(toy):
    plan = toy(factors={"model.downsample": ["strided", "spd"], "data.noise": [0, 8]}).plan
    assert baseline_pairs(plan) == [
        ("downsample=spd,noise=0", "downsample=strided,noise=0"),
        ("downsample=spd,noise=8", "downsample=strided,noise=8"),
    ]


def test_named_levels_that_set_data_are_conditions(toy):
    named = {"easy": {"data.noise": 0, "data.clutter": 0}, "hard": {"data.noise": 8, "data.clutter": 3}}
    plan = toy(factors={"world": named, "model.downsample": ["strided", "spd"]}).plan
    assert baseline_pairs(plan) == [
        ("world=easy,downsample=spd", "world=easy,downsample=strided"),
        ("world=hard,downsample=spd", "world=hard,downsample=strided"),
    ]


def test_one_at_a_time_compares_each_change_with_the_baseline(toy):
    plan = toy(factors={**DOWNSAMPLE, "model.width": [0.25, 0.5]}, design="one_at_a_time").plan
    origin = "downsample=strided,width=0.25"
    assert baseline_pairs(plan) == [
        ("downsample=strided,width=0.5", origin),
        ("downsample=spd,width=0.25", origin),
        ("downsample=maxpool,width=0.25", origin),
    ]


def test_a_crossed_grid_has_no_contrasts_and_no_use_for_a_baseline(toy):
    plan = toy(factors={**DOWNSAMPLE, "model.width": [0.25, 0.5]}).plan
    assert crosses_factors(plan)
    assert baseline_pairs(plan) == []
    with pytest.raises(
        ResultsError, match=r"has no use here: the grid crosses 2 factors \(model.downsample, model.wid"
    ):
        baseline_pairs(plan, "downsample=spd,width=0.25")


def test_conditions_alone_have_no_contrasts(toy):
    plan = toy(factors={"data.noise": [0, 8]}).plan
    assert baseline_pairs(plan) == []
    assert why_no_contrasts(plan) == "only the data vary, and variants are never compared across different data"
