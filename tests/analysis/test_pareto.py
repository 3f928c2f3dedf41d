"""Against the definition written out, and intervals against scipy's paired t test."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.analysis.pareto import FRONT_COLUMNS, clear_leads, fronts


def accuracies(**values: list[float]) -> pd.DataFrame:
    return pd.DataFrame(values)


def table(accuracy: pd.DataFrame, **costs: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"variant": list(accuracy.columns), **costs})


def states(found: pd.DataFrame, cost: str = "params") -> dict[str, tuple[str, str]]:
    rows = found[found["cost"] == cost]
    return {row["variant"]: (row["state"], row["dominated_by"]) for row in rows.to_dict("records")}


STEADY = accuracies(
    small=[0.80, 0.81, 0.82, 0.80],
    middle=[0.85, 0.86, 0.88, 0.85],
    large=[0.90, 0.91, 0.93, 0.90],
    waste=[0.83, 0.84, 0.85, 0.83],
    close=[0.84, 0.87, 0.87, 0.85],
)


def test_columns_are_the_contract() -> None:
    found = fronts(table(STEADY, params=[1, 2, 3, 4, 5], macs=[5, 4, 3, 2, 1]), STEADY, ["params", "macs"])
    assert tuple(found.columns) == FRONT_COLUMNS == ("cost", "variant", "state", "dominated_by")
    assert found["cost"].tolist() == ["params"] * 5 + ["macs"] * 5
    assert found["variant"].tolist() == [*STEADY.columns, *STEADY.columns]


def test_the_front_by_hand() -> None:
    found = states(fronts(table(STEADY, params=[1.0, 2.0, 3.0, 2.5, 2.2]), STEADY, ["params"]))
    assert found["small"] == found["middle"] == found["large"] == ("front", "")
    # Two or three points below middle at every seed, and dearer.
    assert found["waste"] == ("clearly dominated", "middle")
    # Middle minus close: +1, -1, +1, 0 points: a mean of 0.25 with an interval that holds 0.
    assert found["close"] == ("dominated", "middle")


def test_the_most_accurate_clear_lead_is_named_even_where_a_better_one_is_unclear() -> None:
    accuracy = accuracies(target=[0.5, 0.5, 0.5, 0.5], noisy=[0.9, 0.5, 0.9, 0.5], steady=[0.60, 0.61, 0.60, 0.59])
    found = states(fronts(table(accuracy, params=[3, 2, 1]), accuracy, ["params"]))
    assert accuracy["noisy"].mean() > accuracy["steady"].mean()
    assert found == {"target": ("clearly dominated", "steady"), "noisy": ("front", ""), "steady": ("front", "")}


def test_equals_stand_on_the_front_together() -> None:
    accuracy = accuracies(one=[0.1, 0.2, 0.3], other=[0.3, 0.2, 0.1])
    found = fronts(table(accuracy, params=[7, 7]), accuracy, ["params"])
    assert found["state"].tolist() == ["front", "front"]


def test_equal_in_one_and_worse_in_the_other_is_dominated() -> None:
    accuracy = accuracies(one=[0.1, 0.2, 0.3], dearer=[0.3, 0.2, 0.1], worse=[0.1, 0.2, 0.2])
    found = states(fronts(table(accuracy, params=[7, 8, 7]), accuracy, ["params"]))
    assert found == {"one": ("front", ""), "dearer": ("dominated", "one"), "worse": ("dominated", "one")}


def test_of_equally_accurate_variants_the_cheapest_is_named() -> None:
    accuracy = accuracies(target=[0.1, 0.3], dear=[0.5, 0.7], cheap=[0.7, 0.5])
    found = states(fronts(table(accuracy, params=[9, 8, 7]), accuracy, ["params"]))
    assert found["target"] == ("dominated", "cheap")


@pytest.mark.parametrize("missing", ["cost", "accuracy", "row"])
def test_what_is_not_measured_takes_no_part(missing: str) -> None:
    accuracy, costs = STEADY.copy(), [1.0, 2.0, 3.0, 2.5, 2.2]
    if missing == "cost":
        costs[1] = math.nan
    elif missing == "accuracy":
        accuracy["middle"] = math.nan
    found = states(
        fronts(
            table(STEADY, params=costs), accuracy if missing != "row" else accuracy.drop(columns="middle"), ["params"]
        )
    )
    assert found["middle"] == ("not measured", "")
    assert found["waste"] == ("dominated", "close")
    assert found["close"] == ("front", "")


def test_nothing_is_clear_under_three_pairs_or_without_spread() -> None:
    accuracy = accuracies(few=[0.5, 0.6, math.nan], best=[0.9, 1.0, 0.95], shifted=[0.8, 0.9, 0.85])
    found = states(fronts(table(accuracy, params=[3, 1, 2]), accuracy, ["params"]))
    assert found == {"few": ("dominated", "best"), "best": ("front", ""), "shifted": ("dominated", "best")}


@pytest.mark.parametrize("seed", range(5))
def test_states_follow_the_definition(seed: int) -> None:
    draw = np.random.default_rng(seed)
    names = [f"v{at}" for at in range(12)]
    accuracy = pd.DataFrame(draw.normal(0.8, 0.02, (6, 12)).round(2) + draw.normal(0, 0.02, 12).round(2), columns=names)
    cost = draw.integers(1, 8, 12).astype(float)
    found = states(fronts(table(accuracy, params=list(cost)), accuracy, ["params"]))
    means = accuracy.mean().round(12).to_numpy()
    for at, name in enumerate(names):
        dominating = [
            other
            for other in range(12)
            if means[other] >= means[at] and cost[other] <= cost[at]
            if means[other] > means[at] or cost[other] < cost[at]
        ]
        clear = [other for other in dominating if lower_end(accuracy, names[other], name) > 0]
        state = "clearly dominated" if clear else "dominated" if dominating else "front"
        assert found[name][0] == state
        if dominating:
            best = max(clear or dominating, key=lambda other: (means[other], -cost[other]))
            assert found[name][1] == names[best]


def lower_end(accuracy: pd.DataFrame, name: str, other: str) -> float:
    pairs = len(accuracy.columns) * (len(accuracy.columns) - 1) / 2
    return float(stats.ttest_rel(accuracy[name], accuracy[other]).confidence_interval(1 - 0.05 / pairs).low)


def test_a_measured_cost_is_clearly_lower_where_intervals_lie_apart() -> None:
    accuracy = accuracies(slow=[0.50, 0.51, 0.50, 0.51], fast=[0.70, 0.71, 0.72, 0.71])
    variants = table(accuracy, latency=[10.0, 9.0])
    ends = {"apart": ([9.6, 8.8], [10.4, 9.5]), "overlapping": ([9.4, 8.8], [10.4, 9.5])}
    found = {
        name: states(fronts(variants, accuracy, ["latency"], {"latency": bounds(accuracy, *own)}), "latency")["slow"]
        for name, own in ends.items()
    }
    assert found == {"apart": ("clearly dominated", "fast"), "overlapping": ("dominated", "fast")}


def bounds(accuracy: pd.DataFrame, low: list[float], high: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"low": low, "high": high}, index=accuracy.columns)


def test_leads_are_clear_where_scipys_interval_lies_above_0() -> None:
    draw = np.random.default_rng(7)
    values = draw.normal(0, 0.01, (5, 9)) + draw.normal(0, 0.05, 9)
    values[2, 3] = math.nan
    found = clear_leads(values)
    assert 0 < found.sum() < 36
    for i in range(9):
        for j in range(9):
            both = values[~np.isnan(values[:, [i, j]]).any(axis=1)]
            # 36 pairs hold together.
            interval = stats.ttest_rel(both[:, i], both[:, j]).confidence_interval(1 - 0.05 / 36) if i != j else None
            assert found[i, j] == (interval is not None and interval.low > 0)
