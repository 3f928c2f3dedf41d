import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.analysis import summarise


def trials(**values: list[float]) -> pd.DataFrame:
    rows = [
        {"variant": variant, "seed": seed, "accuracy": value, "test_loss": 1 - value}
        for variant, column in values.items()
        for seed, value in enumerate(column)
    ]
    return pd.DataFrame(rows)


def test_mean_deviation_and_t_interval():
    sample = [0.71, 0.74, 0.69, 0.75]
    row = summarise(trials(spd=sample)).iloc[0]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(sample), scale=stats.sem(sample))
    assert (row["n"], row["accuracy_mean"]) == (4, pytest.approx(np.mean(sample)))
    assert row["accuracy_sd"] == pytest.approx(np.std(sample, ddof=1))
    assert (row["accuracy_ci_low"], row["accuracy_ci_high"]) == pytest.approx((low, high), abs=1e-12)


def test_rows_keep_the_order_and_columns_the_contract():
    found = summarise(trials(z=[0.1, 0.2], a=[0.3, 0.4]), ["accuracy", "test_loss"])
    assert found["variant"].tolist() == ["z", "a"]
    assert list(found.columns) == [
        *("variant", "n", "accuracy_mean", "accuracy_sd", "accuracy_ci_low", "accuracy_ci_high"),
        *("test_loss_mean", "test_loss_sd", "test_loss_ci_low", "test_loss_ci_high"),
    ]


def test_one_trial_has_a_mean_alone_and_none_has_nothing():
    found = summarise(trials(one=[0.5, math.nan], none=[math.nan, math.nan])).set_index("variant")
    assert found.loc["one", ["n", "accuracy_mean"]].tolist() == [1, 0.5]
    assert found.loc["one", ["accuracy_sd", "accuracy_ci_low", "accuracy_ci_high"]].isna().all()
    assert found.loc["none", "n"] == 0
    assert math.isnan(found.loc["none", "accuracy_mean"])
