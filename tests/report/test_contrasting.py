from fractions import Fraction

import pytest

from ablate.errors import ResultsError, UnknownName
from ablate.report.contrasting import baseline_contrasts, crosses_factors, why_no_contrasts

DOWNSAMPLE = {"model.downsample": ["strided", "spd", "maxpool"]}
WIDTH = {"model.width": [0.25, 0.5]}


def names(contrasts):
    return [(each.variant, each.baseline) for each in contrasts]


def pairs(plan, baseline=None):
    """The two names of every contrast, which weighs these two variants alone."""
    contrasts = baseline_contrasts(plan, baseline)
    assert [each.weights for each in contrasts] == [{each.variant: 1, each.baseline: -1} for each in contrasts]
    return names(contrasts)


def test_one_factor_is_compared_with_its_baseline(toy):
    assert pairs(toy().plan) == [("spd", "strided"), ("maxpool", "strided")]


def test_another_baseline(toy):
    assert pairs(toy().plan, "maxpool") == [("strided", "maxpool"), ("spd", "maxpool")]
    with pytest.raises(UnknownName, match=r"unknown variant 'max'; .*choices: maxpool, spd, strided"):
        pairs(toy().plan, "max")


def test_no_contrast_crosses_conditions(toy):
    plan = toy(factors={"model.downsample": ["strided", "spd"], "data.noise": [0, 8]}).plan
    assert pairs(plan) == [
        ("downsample=spd,noise=0", "downsample=strided,noise=0"),
        ("downsample=spd,noise=8", "downsample=strided,noise=8"),
    ]


def test_named_levels_that_set_data_are_conditions(toy):
    named = {"easy": {"data.noise": 0, "data.clutter": 0}, "hard": {"data.noise": 8, "data.clutter": 3}}
    plan = toy(factors={"world": named, "model.downsample": ["strided", "spd"]}).plan
    assert pairs(plan) == [
        ("world=easy,downsample=spd", "world=easy,downsample=strided"),
        ("world=hard,downsample=spd", "world=hard,downsample=strided"),
    ]


def test_one_at_a_time_compares_each_change_with_the_baseline(toy):
    plan = toy(factors={**DOWNSAMPLE, "model.width": [0.25, 0.5]}, design="one_at_a_time").plan
    origin = "downsample=strided,width=0.25"
    assert pairs(plan) == [
        ("downsample=strided,width=0.5", origin),
        ("downsample=spd,width=0.25", origin),
        ("downsample=maxpool,width=0.25", origin),
    ]


def test_a_crossed_grid_is_tested_by_its_main_effects(toy):
    plan = toy(factors={**DOWNSAMPLE, **WIDTH}).plan
    assert crosses_factors(plan)
    contrasts = baseline_contrasts(plan)
    assert names(contrasts) == [
        ("downsample=spd", "downsample=strided"),
        ("downsample=maxpool", "downsample=strided"),
        ("width=0.5", "width=0.25"),
    ]
    assert contrasts[0].weights == {
        "downsample=spd,width=0.25": Fraction(1, 2),
        "downsample=strided,width=0.25": Fraction(-1, 2),
        "downsample=spd,width=0.5": Fraction(1, 2),
        "downsample=strided,width=0.5": Fraction(-1, 2),
    }


def test_another_baseline_of_a_crossed_grid_gives_its_levels(toy):
    plan = toy(factors={**DOWNSAMPLE, **WIDTH}).plan
    assert names(baseline_contrasts(plan, "downsample=spd,width=0.5")) == [
        ("downsample=strided", "downsample=spd"),
        ("downsample=maxpool", "downsample=spd"),
        ("width=0.25", "width=0.5"),
    ]
    with pytest.raises(UnknownName, match=r"unknown variant 'downsample=spd,width=5'; did you mean"):
        baseline_contrasts(plan, "downsample=spd,width=5")


def test_main_effects_keep_to_their_condition(toy):
    plan = toy(factors={"data.noise": [0, 8], "model.downsample": ["strided", "spd"], **WIDTH}).plan
    contrasts = baseline_contrasts(plan)
    assert names(contrasts) == [
        ("noise=0,downsample=spd", "noise=0,downsample=strided"),
        ("noise=0,width=0.5", "noise=0,width=0.25"),
        ("noise=8,downsample=spd", "noise=8,downsample=strided"),
        ("noise=8,width=0.5", "noise=8,width=0.25"),
    ]
    assert {variant.partition(",")[0] for variant in contrasts[2].weights} == {"noise=8"}
    assert names(baseline_contrasts(plan, "noise=8,downsample=spd,width=0.25"))[:2] == [
        ("noise=0,downsample=strided", "noise=0,downsample=spd"),
        ("noise=0,width=0.5", "noise=0,width=0.25"),
    ]


def test_a_second_factor_of_one_level_leaves_variants_to_compare(toy):
    plan = toy(factors={"model.downsample": ["strided", "spd"], "model.width": [0.25]}).plan
    assert not crosses_factors(plan)
    assert pairs(plan) == [("downsample=spd,width=0.25", "downsample=strided,width=0.25")]


def test_conditions_alone_have_no_contrasts(toy):
    plan = toy(factors={"data.noise": [0, 8]}).plan
    assert pairs(plan) == []
    why = "only the data vary, and variants are never compared across different data"
    assert why_no_contrasts(plan) == why
    with pytest.raises(ResultsError, match=f"baseline '8' has no use here: {why}"):
        baseline_contrasts(plan, "8")
