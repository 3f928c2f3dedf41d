from fractions import Fraction
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols

from ablate.analysis import conclude
from ablate.analysis.factorial import Cells, difference, interaction, main_effects, pair
from ablate.analysis.pairing import by_seed, compare

ACTIVATIONS = ("none", "relu", "elu")
SEGMENTS = ("depthwise", "1")
BASELINE = {"activation": "none", "segments": "depthwise"}


def name(**levels: str) -> str:
    return ",".join(f"{column}={level}" for column, level in levels.items())


def grid(**others: tuple[str, ...]) -> Cells:
    """3 activations x 2 segments, times the levels of `others`."""
    cells: list[dict[str, str]] = [{}]
    for column, levels in {"activation": ACTIVATIONS, "segments": SEGMENTS, **others}.items():
        cells = [{**cell, column: level} for cell in cells for level in levels]
    return [(name(**cell), cell) for cell in cells]


def trials_of(cells: Cells, n: int = 6, seed: int = 3) -> pd.DataFrame:
    """Arbitrary numbers: a share of a seed's luck, a mean of its own for every cell."""
    draw = np.random.default_rng(seed)
    luck, means = draw.normal(0, 0.02, n), draw.normal(0.8, 0.05, len(cells))
    return pd.DataFrame(
        [
            {"variant": variant, **levels, "seed": at, "accuracy": mean + luck[at] + draw.normal(0, 0.01)}
            for (variant, levels), mean in zip(cells, means, strict=True)
            for at in range(n)
        ]
    )


class TestSharedBaseline:
    """Two arms as stated and matched, and a baseline that stands under both."""

    CELLS: ClassVar[Cells] = [
        *((f"{arm},{match}", {"arm": arm, "match": match}) for arm in ("spd", "pool") for match in ("none", "macs")),
        *(("strided", {"arm": "strided", "match": match}) for match in ("none", "macs")),
    ]

    def test_a_difference_under_a_matching_is_from_the_baseline(self) -> None:
        sides = ({"arm": "spd", "match": "macs"}, {"arm": "strided", "match": "macs"})
        assert difference(self.CELLS, *sides) == {"spd,macs": 1, "strided": -1}

    def test_over_all_matchings_it_is_averaged(self) -> None:
        found = difference(self.CELLS, {"arm": "spd"}, {"arm": "strided"})
        assert found == {"spd,none": Fraction(1, 2), "spd,macs": Fraction(1, 2), "strided": -1}

    def test_the_baseline_is_not_compared_with_itself(self) -> None:
        found = difference(self.CELLS, {"match": "macs"}, {"match": "none"})
        half = Fraction(1, 2)
        assert found == {"spd,macs": half, "spd,none": -half, "pool,macs": half, "pool,none": -half}

    def test_in_an_interaction_it_cancels(self) -> None:
        found = interaction(self.CELLS, {"arm": "spd"}, {"arm": "strided"}, {"match": "none"}, {"match": "macs"})
        assert found == {"spd,none": 1, "spd,macs": -1}

    def test_main_effects_have_it_under_every_matching(self) -> None:
        found = main_effects(self.CELLS, ["arm"], ["match"], {"arm": "strided", "match": "none"})
        assert [each.weights for each in found] == [
            {f"{arm},{match}": 1, "strided": -1} for match in ("none", "macs") for arm in ("spd", "pool")
        ]


class TestByHand:
    def test_a_pair(self) -> None:
        found = pair("spd", "strided")
        assert (found.variant, found.baseline) == ("spd", "strided")
        assert found.weights == {"spd": 1, "strided": -1}

    def test_the_main_effects_of_two_by_three(self) -> None:
        found = {each.variant: each for each in main_effects(grid(), ["activation", "segments"], [], BASELINE)}
        assert list(found) == ["activation=relu", "activation=elu", "segments=1"]
        assert {each.baseline for each in found.values()} == {"activation=none", "segments=depthwise"}
        assert found["activation=elu"].baseline == "activation=none"
        assert found["activation=elu"].weights == {
            "activation=elu,segments=depthwise": Fraction(1, 2),
            "activation=none,segments=depthwise": Fraction(-1, 2),
            "activation=elu,segments=1": Fraction(1, 2),
            "activation=none,segments=1": Fraction(-1, 2),
        }
        assert found["segments=1"].weights == {
            f"activation={activation},segments={segments}": Fraction(sign, 3)
            for activation in ACTIVATIONS
            for segments, sign in (("1", 1), ("depthwise", -1))
        }

    def test_another_baseline_changes_what_is_subtracted(self) -> None:
        baseline = {"activation": "relu", "segments": "1"}
        found = main_effects(grid(), ["activation", "segments"], [], baseline)
        assert [(each.variant, each.baseline) for each in found] == [
            ("activation=none", "activation=relu"),
            ("activation=elu", "activation=relu"),
            ("segments=depthwise", "segments=1"),
        ]
        assert found[2].weights["activation=elu,segments=1"] == Fraction(-1, 3)

    def test_conditions_are_never_crossed(self) -> None:
        cells = grid(size=("6", "10"))
        found = main_effects(cells, ["activation", "segments"], ["size"], {**BASELINE, "size": "6"})
        assert [(each.variant, each.baseline) for each in found[:4]] == [
            ("size=6,activation=relu", "size=6,activation=none"),
            ("size=6,activation=elu", "size=6,activation=none"),
            ("size=6,segments=1", "size=6,segments=depthwise"),
            ("size=10,activation=relu", "size=10,activation=none"),
        ]
        for each in found:
            (size,) = {dict(cells)[variant]["size"] for variant in each.weights}
            assert each.variant.startswith(f"size={size},")
            assert len(each.weights) == (6 if "segments" in each.variant else 4)

    def test_a_factor_of_one_level_has_no_effect(self) -> None:
        cells = grid(width=("0.25",))
        found = main_effects(cells, ["activation", "segments", "width"], [], {**BASELINE, "width": "0.25"})
        assert [each.variant for each in found] == ["activation=relu", "activation=elu", "segments=1"]

    def test_an_interaction(self) -> None:
        sides = ({"activation": "none"}, {"activation": "relu"}, {"segments": "depthwise"}, {"segments": "1"})
        assert interaction(grid(), *sides) == {
            "activation=none,segments=depthwise": 1,
            "activation=relu,segments=depthwise": -1,
            "activation=none,segments=1": -1,
            "activation=relu,segments=1": 1,
        }

    def test_an_interaction_averages_over_the_remaining_factors(self) -> None:
        sides = ({"activation": "none"}, {"activation": "relu"}, {"segments": "depthwise"}, {"segments": "1"})
        found = interaction(grid(width=("a", "b", "c")), *sides)
        assert len(found) == 12
        assert found["activation=relu,segments=1,width=c"] == Fraction(1, 3)
        assert found["activation=none,segments=1,width=a"] == Fraction(-1, 3)

    @pytest.mark.parametrize("activation", ["none", "relu"])
    @pytest.mark.parametrize("segments", ["depthwise", "1"])
    def test_levels_at_which_one_of_the_four_is_absent_are_left_out(self, activation: str, segments: str) -> None:
        cells = dict(grid(width=("a", "b")))
        del cells[name(activation=activation, segments=segments, width="b")]
        sides = ({"activation": "none"}, {"activation": "relu"}, {"segments": "depthwise"}, {"segments": "1"})
        found = interaction(list(cells.items()), *sides)
        assert {cells[variant]["width"] for variant in found} == {"a"}
        assert set(found.values()) == {1, -1}

    def test_nothing_is_left_of_what_is_absent(self) -> None:
        sides = ({"activation": "none"}, {"activation": "gelu"}, {"segments": "depthwise"}, {"segments": "1"})
        assert interaction(grid(), *sides) == {}
        assert difference(grid(), {"activation": "gelu"}, {"activation": "none"}) == {}

    def test_a_variant_is_not_compared_with_itself(self) -> None:
        """Where `than` names what `better` leaves open, one of the variants that match is its own partner."""
        found = difference(grid(), {"activation": "none"}, {"segments": "1"})
        assert found == {"activation=none,segments=depthwise": 1, "activation=none,segments=1": -1}
        cells = grid(width=("a", "b"))
        found = interaction(cells, {"activation": "none"}, {"activation": "relu"}, {"segments": "1"}, {"width": "b"})
        assert found == {
            "activation=none,segments=1,width=a": 1,
            "activation=relu,segments=1,width=a": -1,
            "activation=none,segments=1,width=b": -1,
            "activation=relu,segments=1,width=b": 1,
        }

    def test_every_combination_adds_up_to_nothing(self) -> None:
        cells = grid(size=("6", "10"), width=("a", "b", "c"))
        tested = ["activation", "segments", "width"]
        for each in main_effects(cells, tested, ["size"], {**BASELINE, "width": "b", "size": "6"}):
            assert sum(each.weights.values()) == 0
            assert sum(abs(weight) for weight in each.weights.values()) == 2


class TestAgainstTheLinearModel:
    """On a complete grid the estimates are those of ordinary least squares with one effect a seed.

    Deviation coding of the factors that are averaged over, treatment coding of the one that is asked about.
    """

    CELLS = grid(width=("a", "b"))

    def fitted(self, formula: str) -> "pd.Series[float]":
        coefficients: pd.Series[float] = ols(formula, trials_of(self.CELLS)).fit().params
        return coefficients

    def test_main_effects(self) -> None:
        levels = "C(activation, Treatment('none')) * C(segments, Sum) * C(width, Sum)"
        fitted = self.fitted(f"accuracy ~ {levels} + C(seed)")
        tested = main_effects(self.CELLS, ["activation", "segments", "width"], [], {**BASELINE, "width": "a"})
        found = conclude(trials_of(self.CELLS), tested, ["accuracy"]).contrasts.set_index("variant")
        for level in ("relu", "elu"):
            expected = fitted[f"C(activation, Treatment('none'))[T.{level}]"]
            assert found.loc[f"activation={level}", "difference"] == pytest.approx(expected, abs=1e-12)

    def test_a_main_effect_needs_no_interaction_in_the_model(self) -> None:
        """In a balanced grid the estimate is the same with main effects alone."""
        formula = "accuracy ~ C(activation) + C(segments, Treatment('depthwise')) + C(width) + C(seed)"
        tested = main_effects(self.CELLS, ["activation", "segments", "width"], [], {**BASELINE, "width": "a"})
        found = conclude(trials_of(self.CELLS), tested, ["accuracy"]).contrasts.set_index("variant")
        expected = self.fitted(formula)["C(segments, Treatment('depthwise'))[T.1]"]
        assert found.loc["segments=1", "difference"] == pytest.approx(expected, abs=1e-12)

    def test_interactions(self) -> None:
        coded = "C(activation, Treatment('none')) * C(segments, Treatment('depthwise'))"
        fitted = self.fitted(f"accuracy ~ {coded} * C(width, Sum) + C(seed)")
        sides = ({"activation": "none"}, {"activation": "elu"}, {"segments": "depthwise"}, {"segments": "1"})
        weights = interaction(self.CELLS, *sides)
        found = compare(by_seed(trials_of(self.CELLS), "accuracy"), "accuracy", weights).effect
        # (none - elu) at depthwise minus (none - elu) at 1 is the cell that has both, minus both, plus neither.
        expected = fitted["C(activation, Treatment('none'))[T.elu]:C(segments, Treatment('depthwise'))[T.1]"]
        assert found.difference == pytest.approx(expected, abs=1e-12)


def test_a_main_effect_is_tested_on_one_number_a_seed() -> None:
    """numpy alone: the mean over the grid's axes, seed by seed, then the standard error of what is left."""
    cells, n = grid(width=("a", "b")), 6
    trials = trials_of(cells, n)
    block = trials["accuracy"].to_numpy().reshape(3, 2, 2, n)
    by_hand = (block[1] - block[0]).mean(axis=(0, 1))
    (tested, *_) = main_effects(cells, ["activation", "segments", "width"], [], {**BASELINE, "width": "a"})
    row = conclude(trials, [tested], ["accuracy"]).contrasts.iloc[0]
    assert (row["variant"], row["n"]) == ("activation=relu", n)
    assert row["difference"] == pytest.approx(by_hand.mean(), abs=1e-12)
    t_975_with_5_degrees = 2.5705818366147395
    half = t_975_with_5_degrees * by_hand.std(ddof=1) / np.sqrt(n)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((by_hand.mean() - half, by_hand.mean() + half), abs=1e-9)
    assert row["effect_size"] == pytest.approx(by_hand.mean() / by_hand.std(ddof=1), abs=1e-9)


def test_a_seed_that_lacks_one_cell_is_left_out_whole() -> None:
    cells = grid()
    trials = trials_of(cells)
    gone = (trials["variant"] == "activation=elu,segments=1") & (trials["seed"] == 4)
    tested = main_effects(cells, ["activation", "segments"], [], BASELINE)
    found = conclude(trials[~gone], tested, ["accuracy"]).contrasts.set_index("variant")
    assert found["n"].to_dict() == {"activation=relu": 6, "activation=elu": 5, "segments=1": 5}
    assert found["badges"].to_dict() == {
        "activation=relu": "normality assumed",  # three tests: 2/2^6 = 0.031 > 0.05/3
        "activation=elu": "missing seeds;normality assumed",
        "segments=1": "missing seeds;normality assumed",
    }
    assert found.loc["segments=1", "verdict"] == "inconclusive"
    whole = conclude(trials[trials["seed"] != 4], tested, ["accuracy"]).contrasts.set_index("variant")
    assert found.loc["segments=1", "difference"] == pytest.approx(whole.loc["segments=1", "difference"], abs=1e-15)
