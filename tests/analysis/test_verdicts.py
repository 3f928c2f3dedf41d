import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from ablate.analysis.effects import PairedEffect, paired_effect
from ablate.analysis.pairing import Comparison, Pairing
from ablate.analysis.verdicts import (
    Finding,
    adjust,
    badges_of,
    claim_badges_of,
    claim_verdict_of,
    join_badges,
    verdict_of,
)


def effect(p_value: float, *, n: int = 8, difference: float = 0.1, error: float = 0.01) -> PairedEffect:
    return PairedEffect(n, difference, error, math.nan, math.nan, p_value, math.nan, math.nan)


def comparison(p_value: float, pair: tuple[str, str] = ("b", "a"), metric: str = "accuracy") -> Comparison:
    return Comparison(metric, {pair[0]: Fraction(1), pair[1]: Fraction(-1)}, effect(p_value), "complete")


def finding(p_adjusted: float, *, n: int = 8, difference: float = 0.1, pairing: Pairing = "complete") -> Finding:
    weights = {"b": Fraction(1), "a": Fraction(-1)}
    found = Comparison("accuracy", weights, effect(p_adjusted, n=n, difference=difference), pairing)
    return Finding(found, p_adjusted, family_size=1)


def test_holm_by_hand():
    # Sorted 0.01, 0.03, 0.04 times 3, 2, 1 is 0.03, 0.06, 0.04; never below the one before: 0.03, 0.06, 0.06.
    family = [comparison(p, ("v" + str(p), "a")) for p in (0.04, 0.01, 0.03)]
    assert [each.p_adjusted for each in adjust(family)] == pytest.approx([0.06, 0.03, 0.06])


def test_holm_is_statsmodels():
    p_values = np.random.default_rng(0).uniform(0, 0.1, 7)
    family = [comparison(p, (f"v{index}", "a")) for index, p in enumerate(p_values)]
    expected = multipletests(p_values, method="holm")[1]
    assert [each.p_adjusted for each in adjust(family)] == pytest.approx(expected.tolist(), abs=1e-12)


def test_each_metric_is_a_family():
    family = [comparison(0.02, ("b", "a")), comparison(0.02, ("b", "a"), "test_loss"), comparison(0.5, ("c", "a"))]
    found = adjust(family)
    assert [each.p_adjusted for each in found] == pytest.approx([0.04, 0.02, 0.5])
    assert [each.family_size for each in found] == [2, 1, 2]


def test_one_test_that_is_stated_twice_counts_once():
    found = adjust([comparison(0.02, ("b", "a")), comparison(0.02, ("a", "b")), comparison(0.5, ("c", "a"))])
    assert [each.p_adjusted for each in found] == pytest.approx([0.04, 0.04, 0.5])


def test_a_test_without_p_still_takes_its_place_in_the_family():
    found = adjust([comparison(0.02, ("b", "a")), comparison(math.nan, ("c", "a"))])
    assert found[0].p_adjusted == pytest.approx(0.04)
    assert math.isnan(found[1].p_adjusted)


def test_a_claim_without_arms_is_no_member():
    nothing = Comparison("accuracy", {}, paired_effect(np.empty(0), 0.0), "missing")
    found = adjust([comparison(0.02), nothing])
    assert found[0].p_adjusted == pytest.approx(0.02)
    assert math.isnan(found[1].p_adjusted)
    assert [adjust([nothing])[0].family_size, badges_of(found[1])] == [0, ""]


@pytest.mark.parametrize(
    ("p_adjusted", "difference", "direction", "expected"),
    [
        (0.049, 0.1, "higher", "better"),
        (0.05, 0.1, "higher", "better"),
        (0.051, 0.1, "higher", "inconclusive"),
        (0.01, -0.1, "higher", "worse"),
        (0.01, 0.1, "lower", "worse"),
        (0.01, -0.1, "lower", "better"),
    ],
)
def test_verdict_follows_p_sign_and_direction(p_adjusted, difference, direction, expected):
    assert verdict_of(finding(p_adjusted, difference=difference), direction) == expected


def test_equivalent_goes_before_better():
    # The difference of 0.1 with standard error 0.01 is far from 0 and far inside 0.2.
    (inside,), (outside,) = (adjust([comparison(0.001)], {"accuracy": margin}) for margin in (0.2, 0.105))
    assert verdict_of(inside, "higher") == "equivalent"
    assert verdict_of(outside, "higher") == "better"
    assert (claim_verdict_of(inside, "higher"), claim_badges_of(inside)) == ("supported", "within the margin")
    assert claim_badges_of(outside) == ""


def test_equivalence_is_corrected_for_every_test_beside_it():
    """A t of 2 with 7 degrees of freedom has a one-sided p of 0.0428: enough alone, too much beside another."""
    family = [comparison(0.001, (name, "a")) for name in ("b", "c")]
    margins = {"accuracy": 0.12}
    alone, beside = adjust(family[:1], margins)[0], adjust(family, margins)[0]
    assert (alone.p_equivalence, beside.p_equivalence) == pytest.approx((0.04281, 0.08562), abs=1e-5)
    assert (verdict_of(alone, "higher"), verdict_of(beside, "higher")) == ("equivalent", "better")
    assert math.isnan(adjust(family)[0].p_equivalence)


def test_no_verdict_under_three_pairs():
    assert verdict_of(finding(0.001, n=2), "higher") is None
    assert verdict_of(finding(0.001, n=3), "higher") == "better"


def test_nothing_is_concluded_while_a_pair_is_missing():
    assert verdict_of(replace(finding(0.001, pairing="missing"), p_equivalence=0.0), "higher") == "inconclusive"
    assert claim_verdict_of(finding(0.001, pairing="missing"), "higher") == "inconclusive"


@pytest.mark.parametrize(
    ("p_adjusted", "n", "difference", "direction", "expected"),
    [
        (0.01, 3, 0.1, "higher", "supported"),
        (0.01, 3, 0.1, "lower", "contradicted"),
        (0.01, 3, -0.1, "higher", "contradicted"),
        (0.06, 3, 0.1, "higher", "inconclusive"),
        (0.01, 2, 0.1, "higher", "not tested"),
    ],
)
def test_claim_verdicts(p_adjusted, n, difference, direction, expected):
    assert claim_verdict_of(finding(p_adjusted, n=n, difference=difference), direction) == expected


@pytest.mark.parametrize(
    ("n", "family_size", "expected"),
    [
        (5, 1, "normality assumed"),  # 2/32 = 0.0625 > 0.05
        (6, 1, ""),  # 2/64 = 0.031
        (6, 2, "normality assumed"),  # 0.031 > 0.025
        (8, 6, ""),  # 0.0078 <= 0.0083
        (8, 7, "normality assumed"),  # 0.0078 > 0.0071
    ],
)
def test_normality_is_assumed_where_sign_flips_cannot_reach_the_level(n, family_size, expected):
    assert badges_of(Finding(finding(0.01, n=n).comparison, 0.01, family_size)) == expected


def test_badges_join_once_in_order():
    assert join_badges(["b", "", "a", "b"]) == "b;a"
