"""Against sums of squares by hand, statsmodels on the table itself, and a series for the noncentral F."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import AnovaRM, anova_lm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import confint_noncentrality

from ablate.analysis.crossed import (
    ANOVA_COLUMNS,
    BEATEN_COLUMNS,
    INTERACTION_COLUMNS,
    REVERSAL_COLUMNS,
    anova,
    interactions,
    misleading,
)

LEVELS = {"norm": ("none", "batch", "group"), "width": ("w1", "w2"), "act": ("relu", "elu", "gelu")}
BASELINE = {"norm": "batch", "width": "w1", "act": "relu"}


def trials(*factors: str, seeds: int = 5, seed: int = 0, noise: float = 0.01) -> pd.DataFrame:
    """Every combination of the levels of `factors`; every cell has a mean of its own."""
    draw = np.random.default_rng(seed)
    cells = [dict(zip(factors, cell, strict=True)) for cell in product(*(LEVELS[factor] for factor in factors))]
    luck, means = draw.normal(0, 0.02, seeds), draw.normal(0.8, 0.01, len(cells))
    rows = [
        {"variant": ",".join(cell.values()), **cell, "seed": at, "accuracy": mean + luck[at] + draw.normal(0, noise)}
        for cell, mean in zip(cells, means, strict=True)
        for at in range(seeds)
    ]
    return pd.DataFrame(rows)


def two_by_two(means: list[list[float]], seeds: int = 6, noise: float = 0.001) -> pd.DataFrame:
    """Cells of factors `a` and `b` with these means."""
    draw = np.random.default_rng(1)
    luck = draw.normal(0, 0.02, seeds)
    rows = [
        {
            "variant": f"a{i}b{j}",
            "a": f"a{i}",
            "b": f"b{j}",
            "seed": at,
            "accuracy": mean + luck[at] + draw.normal(0, noise),
        }
        for i, row in enumerate(means)
        for j, mean in enumerate(row)
        for at in range(seeds)
    ]
    return pd.DataFrame(rows)


FIRST = {"a": "a0", "b": "b0"}


class TestAnova:
    def test_two_factors_by_hand(self) -> None:
        table = trials("norm", "width")
        block = table["accuracy"].to_numpy().reshape(3, 2, 5)  # norm, width, seed
        grand, cell = block.mean(), block.mean(axis=2)
        rows, columns, luck = cell.mean(axis=1), cell.mean(axis=0), block.mean(axis=(0, 1))
        squares = {
            "norm": 2 * 5 * ((rows - grand) ** 2).sum(),
            "width": 3 * 5 * ((columns - grand) ** 2).sum(),
            "norm:width": 5 * ((cell - rows[:, None] - columns + grand) ** 2).sum(),
        }
        residual = ((block - cell[:, :, None] - luck + grand) ** 2).sum()
        df, residual_df = {"norm": 2, "width": 1, "norm:width": 2}, (6 - 1) * (5 - 1)
        found = anova(table, ["norm", "width"], "accuracy").set_index("term")
        assert list(found.reset_index().columns) == list(ANOVA_COLUMNS)
        assert found["df"].to_dict() == df
        for term, square in squares.items():
            f = square / df[term] / (residual / residual_df)
            assert found.loc[term, "sum_sq"] == pytest.approx(square, abs=1e-12)
            assert found.loc[term, "f"] == pytest.approx(f, rel=1e-10)
            assert found.loc[term, "p_value"] == pytest.approx(stats.f.sf(f, df[term], residual_df), abs=1e-10)
            assert found.loc[term, "partial_eta_squared"] == pytest.approx(square / (square + residual), abs=1e-10)

    @pytest.mark.parametrize("kind", [1, 2, 3])
    def test_three_factors_are_statsmodels_in_every_type_of_squares(self, kind: int) -> None:
        table = trials(*LEVELS)
        coded = " + ".join(f"C({factor}, Sum)" for factor in LEVELS)
        expected = anova_lm(ols(f"accuracy ~ C(seed, Sum) + ({coded})**2", table).fit(), typ=kind)
        found = anova(table, list(LEVELS), "accuracy").set_index("term")
        assert list(found.index) == ["norm", "width", "act", "norm:width", "norm:act", "width:act"]
        for term in found.index:
            row = expected.loc[":".join(f"C({factor}, Sum)" for factor in term.split(":"))]
            assert found.loc[term, ["df", "sum_sq", "f", "p_value"]].tolist() == pytest.approx(
                row[["df", "sum_sq", "F", "PR(>F)"]].tolist(), abs=1e-10
            )

    def test_one_factor_is_the_anova_of_repeated_measures(self) -> None:
        table = trials("norm")
        expected = AnovaRM(table, "accuracy", "seed", within=["norm"]).fit().anova_table.loc["norm"]
        row = anova(table, ["norm"], "accuracy").iloc[0]
        assert (row["f"], row["p_value"]) == pytest.approx((expected["F Value"], expected["Pr > F"]), abs=1e-10)

    def test_the_order_of_rows_and_the_names_do_not_matter(self) -> None:
        table = trials("norm", "width")
        odd = {"norm": "a b", "width": "Q('x') ~ 1"}
        renamed = table.rename(columns=odd).sample(frac=1.0, random_state=1)
        expected = anova(table, list(odd), "accuracy").set_index("term")
        found = anova(renamed, list(odd.values()), "accuracy").set_index("term")
        assert found.loc["a b:Q('x') ~ 1", "f"] == pytest.approx(expected.loc["norm:width", "f"], rel=1e-10)

    def test_only_complete_seeds_count(self) -> None:
        table = trials("norm", "width")
        less = table[~((table["variant"] == "batch,w1") & (table["seed"] == 3))]
        whole = table[table["seed"] != 3]
        pd.testing.assert_frame_equal(
            anova(less, ["norm", "width"], "accuracy"), anova(whole, ["norm", "width"], "accuracy")
        )

    @pytest.mark.parametrize("left", ["one seed", "a cell never ran", "no spread"])
    def test_without_two_complete_seeds_or_spread_there_are_terms_and_no_numbers(self, left: str) -> None:
        table = trials("norm", "width")
        if left == "one seed":
            table = table[table["seed"] == 0]
        elif left == "a cell never ran":
            table["accuracy"] = table["accuracy"].mask(table["variant"] == "batch,w1")
        else:
            table["accuracy"] = 0.5 + 0.01 * table["seed"]
        found = anova(table, ["norm", "width"], "accuracy")
        assert found["term"].tolist() == ["norm", "width", "norm:width"]
        assert found["df"].tolist() == [2, 1, 2]
        assert found[list(ANOVA_COLUMNS[2:])].isna().all(axis=None)
        rows = interactions(table, ["norm", "width"], {"norm": "none", "width": "w1"}, "accuracy")
        assert rows["first"].tolist() == ["norm=batch", "norm=group"]
        assert rows[list(INTERACTION_COLUMNS[2:])].isna().all(axis=None)
        assert (
            misleading(table, ["norm", "width"], {"norm": "none", "width": "w1"}, "accuracy", "higher").chosen is None
        )


def noncentral_f(f: float, df: int, residual_df: int, noncentrality: float) -> float:
    """P(F <= f) as a mixture of beta distributions with Poisson weights (Johnson, Kotz & Balakrishnan 1995, ch. 30)."""
    count = np.arange(int(noncentrality / 2 + 20 * math.sqrt(noncentrality / 2 + 1) + 20))
    share = df * f / (df * f + residual_df)
    weights = stats.poisson.pmf(count, noncentrality / 2)
    return float((weights * stats.beta.cdf(share, df / 2 + count, residual_df / 2)).sum())


class TestEtaSquared:
    @pytest.mark.parametrize("noise", [0.001, 0.01, 0.05])
    def test_its_ends_are_noncentralities_that_leave_f_in_either_tail(self, noise: float) -> None:
        table = trials("norm", "width", noise=noise)
        residual_df = 20
        ends = 0
        for row in anova(table, ["norm", "width"], "accuracy").to_dict("records"):
            df, total = row["df"], row["df"] + residual_df + 1
            for end, chance in ((row["eta_ci_low"], 0.975), (row["eta_ci_high"], 0.025)):
                noncentrality = total * end / (1 - end)
                if noncentrality == 0:
                    assert stats.f.cdf(row["f"], df, residual_df) <= chance
                    continue
                assert noncentral_f(row["f"], df, residual_df, noncentrality) == pytest.approx(chance, abs=1e-9)
                ends += 1
            assert row["eta_ci_low"] <= row["eta_ci_high"] < 1
        assert ends >= 3

    def test_it_is_statsmodels_to_the_digits_that_has(self) -> None:
        row = anova(trials("norm", "width"), ["norm", "width"], "accuracy").iloc[0]
        low, high = confint_noncentrality(row["f"], (2, 20), alpha=0.05)
        assert row["eta_ci_low"] == pytest.approx(low / (low + 23), rel=1e-3)
        assert row["eta_ci_high"] == pytest.approx(high / (high + 23), rel=1e-3)

    def test_a_huge_effect_has_an_interval_too(self) -> None:
        row = anova(two_by_two([[0.1, 0.1], [0.9, 0.9]]), ["a", "b"], "accuracy").iloc[0]
        assert row["f"] > 1e5
        assert 0.999 < row["eta_ci_low"] < row["partial_eta_squared"] < 1
        assert row["eta_ci_low"] < row["eta_ci_high"] < 1


class TestInteractions:
    def test_two_factors_by_hand(self) -> None:
        table = trials("norm", "width")
        cell = table.groupby(["norm", "width"])["accuracy"].mean()
        found = interactions(table, ["norm", "width"], BASELINE, "accuracy")
        assert list(found.columns) == list(INTERACTION_COLUMNS)
        assert list(zip(found["first"], found["second"], strict=True)) == [
            ("norm=none", "width=w2"),
            ("norm=group", "width=w2"),
        ]
        by_seed = table.pivot(index="seed", columns=["norm", "width"], values="accuracy")
        for level, row in zip(("none", "group"), found.to_dict("records"), strict=True):
            expected = (cell[level, "w2"] - cell[level, "w1"]) - (cell["batch", "w2"] - cell["batch", "w1"])
            change = by_seed[level, "w2"] - by_seed[level, "w1"]
            peer = stats.ttest_rel(change, by_seed["batch", "w2"] - by_seed["batch", "w1"])
            assert row["difference"] == pytest.approx(expected, abs=1e-10)
            assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(peer.confidence_interval()), abs=1e-10)
            assert row["p_value"] == pytest.approx(peer.pvalue, abs=1e-10)

    def test_three_factors_are_averaged_over_and_corrected_together(self) -> None:
        table = trials(*LEVELS)
        found = interactions(table, list(LEVELS), BASELINE, "accuracy")
        assert len(found) == 2 * 1 + 2 * 2 + 1 * 2
        cell = table.groupby(list(LEVELS))["accuracy"].mean()
        row = found.set_index(["first", "second"]).loc[("width=w2", "act=gelu")]
        by_norm = [
            cell[norm, "w2", "gelu"] - cell[norm, "w1", "gelu"] - cell[norm, "w2", "relu"] + cell[norm, "w1", "relu"]
            for norm in LEVELS["norm"]
        ]
        assert row["difference"] == pytest.approx(np.mean(by_norm), abs=1e-10)
        over_norm = table.groupby(["seed", "width", "act"])["accuracy"].mean().unstack(["width", "act"])
        change = over_norm["w2", "gelu"] - over_norm["w1", "gelu"]
        peer = stats.ttest_rel(change, over_norm["w2", "relu"] - over_norm["w1", "relu"])
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(peer.confidence_interval()), abs=1e-10)
        assert row["p_value"] == pytest.approx(peer.pvalue, abs=1e-10)
        adjusted = multipletests(found["p_value"], method="holm")[1]
        assert found["p_adjusted"].tolist() == pytest.approx(adjusted.tolist(), abs=1e-12)

    def test_one_factor_has_none(self) -> None:
        found = interactions(trials("norm"), ["norm"], BASELINE, "accuracy")
        assert tuple(found.columns) == INTERACTION_COLUMNS
        assert found.empty


class TestMisleading:
    def test_a_best_level_that_depends_on_another_factor_is_found(self) -> None:
        table = two_by_two([[0.80, 0.82], [0.83, 0.78]])
        found = misleading(table, ["a", "b"], FIRST, "accuracy", "higher")
        assert tuple(found.reversals.columns) == REVERSAL_COLUMNS
        rows = found.reversals[["factor", "best", "at", "other_best", "other_at"]].to_numpy().tolist()
        assert rows == [["a", "a1", "b=b0", "a0", "b=b1"], ["b", "b1", "a=a0", "b0", "a=a1"]]
        cell = table.groupby(["a", "b"])["accuracy"].mean()
        first = found.reversals.iloc[0]
        assert first["lead"] == pytest.approx(cell["a1", "b0"] - cell["a0", "b0"], abs=1e-12)
        assert first["other_lead"] == pytest.approx(cell["a0", "b1"] - cell["a1", "b1"], abs=1e-12)

    def test_its_intervals_are_bonferroni_s_on_paired_t(self) -> None:
        table = trials("norm", "width", "act", seeds=8)
        # The best norm depends on the activation alone.
        gain = {("none", "relu"): 0.1, ("group", "gelu"): 0.1, ("group", "elu"): 0.1}
        table["accuracy"] += [gain.get((norm, act), 0.0) for norm, act in zip(table["norm"], table["act"], strict=True)]
        found = misleading(table, list(LEVELS), BASELINE, "accuracy", "higher").reversals
        row = found.set_index(["factor", "at", "other_at"]).loc[("norm", "act=relu", "act=elu")]
        assert (row["best"], row["other_best"]) == ("none", "group")
        by_seed = table[table["act"] == "relu"].groupby(["seed", "norm"])["accuracy"].mean().unstack("norm")
        expected = stats.ttest_rel(by_seed["none"], by_seed["group"])
        # norm: 3 pairs of levels at 2 + 3 others, width: 1 at 3 + 3, act: 3 at 3 + 2.
        level = 0.05 / (15 + 6 + 15)
        assert row["lead"] == pytest.approx((by_seed["none"] - by_seed["group"]).mean(), abs=1e-10)
        interval = tuple(expected.confidence_interval(1 - level))
        assert (row["lead_ci_low"], row["lead_ci_high"]) == pytest.approx(interval, abs=1e-10)

    def test_a_combination_of_the_best_single_changes_that_another_cell_beats_is_found(self) -> None:
        """Either change alone helps; together they hurt: one at a time would combine them."""
        table = two_by_two([[0.80, 0.82], [0.83, 0.75]])
        found = misleading(table, ["a", "b"], FIRST, "accuracy", "higher")
        assert found.chosen == "a1b1"
        assert tuple(found.beaten.columns) == BEATEN_COLUMNS
        (row,) = found.beaten.to_dict("records")
        assert (row["variant"], row["chosen"]) == ("a1b0", "a1b1")
        cell = table.groupby("variant")["accuracy"].mean()
        by_seed = table.pivot(index="seed", columns="variant", values="accuracy")
        peer = stats.ttest_rel(by_seed["a1b0"], by_seed["a1b1"])
        assert row["difference"] == pytest.approx(cell["a1b0"] - cell["a1b1"], abs=1e-12)
        # Three other cells.
        interval = tuple(peer.confidence_interval(1 - 0.05 / 3))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval, abs=1e-10)

    def test_a_cell_that_scatters_lends_its_spread_to_no_other(self) -> None:
        """As where one network barely trains: the others are compared by their own spread."""
        quiet = two_by_two([[0.80, 0.82], [0.83, 0.84]])
        loud = quiet.copy()
        wild = loud["variant"] == "a0b0"
        loud.loc[wild, "accuracy"] += np.random.default_rng(0).normal(0, 0.2, wild.sum())
        three = quiet[quiet["variant"] != "a0b0"], loud[loud["variant"] != "a0b0"]
        assert three[0].equals(three[1])
        found = [misleading(each, ["a", "b"], {"a": "a1", "b": "b1"}, "accuracy", "higher") for each in (quiet, loud)]
        assert found[0].chosen == found[1].chosen == "a1b1"
        assert found[0].beaten.empty
        assert found[1].beaten.empty

    def test_a_combination_that_one_at_a_time_never_sees_is_found(self) -> None:
        """Either change alone hurts; together they help."""
        found = misleading(two_by_two([[0.80, 0.78], [0.77, 0.85]]), ["a", "b"], FIRST, "accuracy", "higher")
        assert found.chosen == "a0b0"
        assert found.beaten["variant"].tolist() == ["a1b1"]

    def test_where_effects_add_up_nothing_misleads(self) -> None:
        found = misleading(two_by_two([[0.80, 0.82], [0.83, 0.85]]), ["a", "b"], FIRST, "accuracy", "higher")
        assert found.chosen == "a1b1"
        assert found.reversals.empty
        assert found.beaten.empty

    def test_an_interaction_that_changes_no_order_does_not_mislead(self) -> None:
        table = two_by_two([[0.80, 0.82], [0.83, 0.95]])
        assert interactions(table, ["a", "b"], FIRST, "accuracy")["p_value"][0] < 1e-6
        found = misleading(table, ["a", "b"], FIRST, "accuracy", "higher")
        assert found.reversals.empty
        assert found.beaten.empty

    def test_what_noise_explains_is_no_warning(self) -> None:
        found = misleading(two_by_two([[0.80, 0.82], [0.83, 0.78]], noise=0.1), ["a", "b"], FIRST, "accuracy", "higher")
        assert found.reversals.empty
        assert found.beaten.empty

    def test_lower_is_better_for_a_loss(self) -> None:
        table = two_by_two([[0.80, 0.82], [0.83, 0.75]])
        mirrored = table.assign(test_loss=-table["accuracy"])
        expected = misleading(table, ["a", "b"], FIRST, "accuracy", "higher")
        found = misleading(mirrored, ["a", "b"], FIRST, "test_loss", "lower")
        assert found.chosen == expected.chosen
        assert found.beaten["difference"][0] == pytest.approx(-expected.beaten["difference"][0], abs=1e-12)
        assert found.beaten["ci_high"][0] < 0
        names = ["factor", "best", "at", "other_best", "other_at"]
        pd.testing.assert_frame_equal(found.reversals[names], expected.reversals[names])
        assert len(found.reversals) == 2
        assert found.reversals["lead"].tolist() == pytest.approx((-expected.reversals["lead"]).tolist(), abs=1e-12)

    def test_one_factor_is_never_misleading(self) -> None:
        table = trials("norm")
        found = misleading(table, ["norm"], BASELINE, "accuracy", "higher")
        assert found.chosen == table.groupby("variant")["accuracy"].mean().idxmax()
        assert found.reversals.empty
        assert found.beaten.empty
