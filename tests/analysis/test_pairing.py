import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ablate.analysis.pairing import by_seed, check_trials, compare
from ablate.errors import AblateError

ONE, HALF = Fraction(1), Fraction(1, 2)


def trials(**values: list[float]) -> pd.DataFrame:
    rows = [
        {"variant": variant, "seed": seed, "accuracy": value}
        for variant, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def test_pairs_follow_the_seed_not_the_row_order():
    table = trials(a=[0.1, 0.2, 0.3], b=[1.1, 1.4, 1.9]).sample(frac=1.0, random_state=0)
    comparison = compare(by_seed(table, "accuracy"), "accuracy", {"b": ONE, "a": -ONE})
    assert comparison.effect.difference == pytest.approx((1.0 + 1.2 + 1.6) / 3)
    assert comparison.pairing == "complete"


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_missing_one(gap):
    table = trials(a=[0.1, 0.2, 0.3], b=[1.1, gap, 1.9])
    comparison = compare(by_seed(table, "accuracy"), "accuracy", {"b": ONE, "a": -ONE})
    assert comparison.effect.n == 2
    assert comparison.effect.difference == pytest.approx((1.0 + 1.6) / 2)
    assert comparison.pairing == "missing"


def test_a_seed_of_a_third_arm_is_missing_here():
    table = trials(a=[0.1, 0.2], b=[0.3, 0.5], c=[0.1, 0.2, 0.3])
    values = by_seed(table, "accuracy")
    assert compare(values, "accuracy", {"b": ONE, "a": -ONE}).pairing == "missing"


def test_several_variants_are_weighed_within_a_seed_and_an_incomplete_one_is_dropped_whole():
    table = trials(a=[0.0, 0.0, 0.0], b=[1.0, 2.0, 3.0], c=[0.0, 0.0, 0.0], d=[3.0, 4.0, math.nan])
    comparison = compare(by_seed(table, "accuracy"), "accuracy", {"b": HALF, "a": -HALF, "d": HALF, "c": -HALF})
    assert comparison.effect.n == 2
    assert comparison.effect.difference == pytest.approx((2.0 + 3.0) / 2)


def test_weights_of_thirds_leave_no_rounding_behind():
    # 0.1 + 0.2 + 0.3 is not 0.6 in doubles, and a third is no double at all.
    third = Fraction(1, 3)
    table = trials(a=[0.1, 0.4], b=[0.2, 0.5], c=[0.3, 0.6], d=[0.1, 0.4], e=[0.2, 0.5], f=[0.3, 0.6])
    weights = {"a": third, "b": third, "c": third, "d": -third, "e": -third, "f": -third}
    effect = compare(by_seed(table, "accuracy"), "accuracy", weights).effect
    assert (effect.difference, effect.p_value) == (0.0, 1.0)


def test_identity_ignores_sign_scale_and_order():
    values = by_seed(trials(a=[0.0, 1.0], b=[1.0, 2.0], c=[0.0, 3.0], d=[3.0, 4.0]), "accuracy")
    one = compare(values, "accuracy", {"b": HALF, "a": -HALF, "d": HALF, "c": -HALF})
    other = compare(values, "accuracy", {"c": HALF, "a": HALF, "d": -HALF, "b": -HALF})
    larger = compare(values, "accuracy", {"a": -ONE, "b": ONE, "c": -ONE, "d": ONE})
    mixed = compare(values, "accuracy", {"b": HALF, "a": -HALF, "c": HALF, "d": -HALF})
    fewer = compare(values, "accuracy", {"b": ONE, "a": -ONE})
    assert one.identity == other.identity == larger.identity
    assert len({one.identity, mixed.identity, fewer.identity}) == 3


def test_nullable_numbers_are_numbers():
    table = trials(a=[1.0, 2.0]).astype({"accuracy": "Float64"})
    table.loc[1, "accuracy"] = pd.NA
    assert np.isnan(by_seed(table, "accuracy").loc[1, "a"])


def test_text_in_a_metric_is_an_error():
    table = trials(a=[1.0, 2.0]).astype({"accuracy": object})
    table.loc[0, "accuracy"] = "n/a!"
    with pytest.raises(AblateError, match=r"column 'accuracy' of the trials holds something that is no number.*n/a!"):
        by_seed(table, "accuracy")


def test_a_missing_column_is_named():
    with pytest.raises(AblateError, match=r"no column 'top5'; it needs variant, seed .*has variant, seed, accuracy"):
        check_trials(trials(a=[1.0]), ["accuracy", "top5"])


def test_a_trial_twice_is_an_error():
    table = pd.concat([trials(a=[1.0, 2.0]), trials(a=[1.0])])
    with pytest.raises(AblateError, match="variant 'a' with seed 0 more than once"):
        check_trials(table, ["accuracy"])
