import math

import numpy as np
import pandas as pd
import pytest

from ablate.analysis.pairing import by_seed, check_trials, compare
from ablate.errors import AblateError


def trials(**values: list[float]) -> pd.DataFrame:
    rows = [
        {"variant": variant, "seed": seed, "accuracy": value}
        for variant, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def test_pairs_follow_the_seed_not_the_row_order():
    table = trials(a=[0.1, 0.2, 0.3], b=[1.1, 1.4, 1.9]).sample(frac=1.0, random_state=0)
    comparison = compare(by_seed(table, "accuracy"), "accuracy", [("b", "a")])
    assert comparison.effect.difference == pytest.approx((1.0 + 1.2 + 1.6) / 3)
    assert comparison.pairing == "complete"


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_missing_one(gap):
    table = trials(a=[0.1, 0.2, 0.3], b=[1.1, gap, 1.9])
    comparison = compare(by_seed(table, "accuracy"), "accuracy", [("b", "a")])
    assert comparison.effect.n == 2
    assert comparison.effect.difference == pytest.approx((1.0 + 1.6) / 2)
    assert comparison.pairing == "missing"


def test_a_seed_of_a_third_arm_is_missing_here():
    table = trials(a=[0.1, 0.2], b=[0.3, 0.5], c=[0.1, 0.2, 0.3])
    values = by_seed(table, "accuracy")
    assert compare(values, "accuracy", [("b", "a")]).pairing == "missing"


def test_several_pairs_average_within_a_seed_and_drop_an_incomplete_one_whole():
    table = trials(a=[0.0, 0.0, 0.0], b=[1.0, 2.0, 3.0], c=[0.0, 0.0, 0.0], d=[3.0, 4.0, math.nan])
    comparison = compare(by_seed(table, "accuracy"), "accuracy", [("b", "a"), ("d", "c")])
    assert comparison.effect.n == 2
    assert comparison.effect.difference == pytest.approx((2.0 + 3.0) / 2)


def test_identity_ignores_sign_and_order():
    values = by_seed(trials(a=[0.0, 1.0], b=[1.0, 2.0], c=[0.0, 3.0], d=[3.0, 4.0]), "accuracy")
    one = compare(values, "accuracy", [("b", "a"), ("d", "c")])
    other = compare(values, "accuracy", [("c", "d"), ("a", "b")])
    mixed = compare(values, "accuracy", [("b", "a"), ("c", "d")])
    assert one.identity == other.identity
    assert one.identity != mixed.identity


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
