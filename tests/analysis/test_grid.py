import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols

from ablate.analysis.grid import grid
from ablate.errors import AblateError

FACTORS = ("norm", "width")


def trials(seeds: int = 4, seed: int = 0) -> pd.DataFrame:
    """3 x 2 cells, widths as numbers, in no particular order."""
    draw = np.random.default_rng(seed)
    rows = [
        {"variant": f"{norm}-{width}", "norm": norm, "width": width, "seed": at, "accuracy": draw.normal()}
        for width in (0.5, 0.25)
        for norm in ("none", "batch", "group")
        for at in range(seeds)
    ]
    return pd.DataFrame(rows).sample(frac=1.0, random_state=0)


def test_cells_are_in_the_order_of_the_levels_and_the_baseline_s_level_is_first() -> None:
    table = trials()
    found = grid(table, FACTORS, "accuracy", {"norm": "group", "width": "0.5"})
    assert found.levels["norm"][0] == "group"
    assert found.levels["width"] == ("0.5", "0.25")
    assert found.variants == tuple(
        f"{norm}-{width}" for norm in found.levels["norm"] for width in found.levels["width"]
    )
    for cell, variant in enumerate(found.variants):
        rows = table[table["variant"] == variant].sort_values("seed")
        assert found.values[:, cell].tolist() == rows["accuracy"].tolist()
    assert found.means.shape == (3, 2)
    assert found.means[0, 1] == pytest.approx(table.loc[table["variant"] == "group-0.25", "accuracy"].mean(), abs=1e-15)


@pytest.mark.parametrize("how", ["row absent", "value missing"])
def test_a_seed_counts_when_every_cell_has_it(how: str) -> None:
    table = trials()
    gone = (table["variant"] == "batch-0.5") & (table["seed"] == 2)
    less = table[~gone] if how == "row absent" else table.assign(accuracy=table["accuracy"].mask(gone))
    assert grid(less, FACTORS, "accuracy").values.shape == (3, 6)


def test_a_combination_without_trials_leaves_no_seed() -> None:
    table = trials()
    found = grid(table[table["variant"] != "batch-0.5"], FACTORS, "accuracy")
    assert found.variants.count(None) == 1
    assert found.values.shape == (0, 6)
    assert not found.testable


def test_a_factor_of_one_level_is_left_out() -> None:
    table = trials().assign(depth=3)
    found = grid(table, ["norm", "depth", "width"], "accuracy")
    assert list(found.levels) == ["norm", "width"]
    assert np.array_equal(found.values, grid(table, FACTORS, "accuracy").values)


def test_the_residual_is_that_of_least_squares_with_seeds_and_cells() -> None:
    table = trials()
    found = grid(table, FACTORS, "accuracy")
    fit = ols("accuracy ~ C(seed) + C(norm) * C(width)", table).fit()
    assert found.residual_df == fit.df_resid
    assert found.residual_square == pytest.approx(fit.mse_resid, abs=1e-12)


def test_without_spread_nothing_is_testable() -> None:
    table = trials()
    steady = table.assign(accuracy=table["width"] + 0.1 * table["seed"])
    assert not grid(steady, FACTORS, "accuracy").testable
    assert grid(table, FACTORS, "accuracy").testable
    assert not grid(table[table["seed"] == 0], FACTORS, "accuracy").testable


def test_wrong_input_is_named() -> None:
    with pytest.raises(AblateError, match=r"variants .* have the same levels of norm; name every factor that tells"):
        grid(trials(), ["norm"], "accuracy")
    with pytest.raises(AblateError, match=r"no trial has the baseline's level 'layer' of norm; levels: "):
        grid(trials(), FACTORS, "accuracy", {"norm": "layer", "width": 0.5})
    with pytest.raises(AblateError, match="no column 'depth'"):
        grid(trials(), ["depth"], "accuracy")
    assert math.isfinite(grid(trials(), FACTORS, "accuracy", {"norm": "none", "width": 0.25}).residual_square)
