"""Contrasts in both folders, and the difference of the differences, by hand and by scipy."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablate.comparison import compare
from ablate.errors import ResultsError

pytestmark = pytest.mark.usefixtures("quick_corrections")

Folder = Callable[..., Any]
Values = dict[str, list[float]]
BEFORE: Values = {
    "strided": [0.70, 0.72, 0.71, 0.69],
    "spd": [0.75, 0.74, 0.77, 0.76],
    "maxpool": [0.8, 0.82, 0.79, 0.81],
}
AFTER: Values = {
    "strided": [0.71, 0.73, 0.73, 0.71],
    "spd": [0.70, 0.68, 0.72, 0.70],
    "maxpool": [0.81, 0.84, 0.8, 0.82],
}


def by_seed(values: Values, seeds: range = range(4)) -> dict[str, dict[int, float]]:
    return {variant: dict(zip(seeds, own, strict=True)) for variant, own in values.items()}


def difference(values: Values, variant: str, baseline: str = "strided") -> np.ndarray:
    return np.array(values[variant]) - np.array(values[baseline])


def primary(compared: Any) -> list[dict[str, Any]]:
    return [row for row in compared.contrasts.to_dict("records") if row["metric"] == compared.primary]


def test_each_side_has_its_difference_and_its_study_s_verdict(folder: Folder) -> None:
    spd, maxpool = primary(compare(folder("a", by_seed(BEFORE)), folder("b", by_seed(AFTER))))
    assert (spd["variant"], spd["baseline"], maxpool["variant"]) == ("spd", "strided", "maxpool")
    for side, values in (("a", BEFORE), ("b", AFTER)):
        peer = stats.ttest_1samp(difference(values, "spd"), 0)
        assert spd[f"difference_{side}"] == pytest.approx(difference(values, "spd").mean())
        interval = (spd[f"ci_low_{side}"], spd[f"ci_high_{side}"])
        assert interval == pytest.approx(tuple(peer.confidence_interval(0.95)))
    assert (maxpool["verdict_a"], maxpool["verdict_b"]) == ("better", "better")


def test_the_difference_of_the_differences_is_a_paired_test_with_holm(folder: Folder) -> None:
    rows = primary(compare(folder("a", by_seed(BEFORE)), folder("b", by_seed(AFTER))))
    peers = [
        stats.ttest_1samp(difference(AFTER, row["variant"]) - difference(BEFORE, row["variant"]), 0) for row in rows
    ]
    for row, peer in zip(rows, peers, strict=True):
        assert row["p_value"] == pytest.approx(peer.pvalue)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(peer.confidence_interval(0.95)))
        assert row["difference"] == pytest.approx(row["difference_b"] - row["difference_a"])
    first, second = sorted(range(2), key=lambda number: peers[number].pvalue)
    assert rows[first]["p_adjusted"] == pytest.approx(2 * peers[first].pvalue)
    assert rows[second]["p_adjusted"] == pytest.approx(max(2 * peers[first].pvalue, peers[second].pvalue))
    assert [row["verdict"] for row in rows] == ["changed", "inconclusive"]


def test_what_is_not_the_primary_metric_is_described(folder: Folder) -> None:
    compared = compare(folder("a", by_seed(BEFORE)), folder("b", by_seed(AFTER)))
    loss = [row for row in compared.contrasts.to_dict("records") if row["metric"] == "test_loss"]
    assert [row["variant"] for row in loss] == ["spd", "maxpool"]
    assert {row["verdict"] for row in loss} == {None}


def test_identical_trials_have_identical_contrasts(folder: Folder) -> None:
    one_changed = {**BEFORE, "maxpool": AFTER["maxpool"]}
    spd, maxpool = primary(compare(folder("a", by_seed(BEFORE)), folder("b", by_seed(one_changed))))
    assert (spd["verdict"], spd["difference"]) == ("identical", 0.0)
    assert maxpool["verdict"] != "identical"


def test_the_baseline_is_that_of_a_whatever_b_s_is(folder: Folder) -> None:
    """B tests spd - maxpool and strided - maxpool, so that it has no verdict on A's contrasts, but the numbers."""
    b = folder("b", by_seed(AFTER), plan={"baseline": "maxpool"})
    spd, _ = primary(compare(folder("a", by_seed(BEFORE)), b))
    assert spd["baseline"] == "strided"
    assert spd["difference_b"] == pytest.approx(difference(AFTER, "spd").mean())
    assert (spd["verdict_a"], spd["verdict_b"]) == ("better", None)


def test_a_contrast_that_b_lacks_a_variant_of_says_so(folder: Folder) -> None:
    without = {name: AFTER[name] for name in ("strided", "maxpool")}
    spd, maxpool = primary(compare(folder("a", by_seed(BEFORE)), folder("b", by_seed(without))))
    assert spd["remark"] == "B has nothing to set beside spd"
    assert (spd["n_a"], spd["n_b"], spd["n"], spd["verdict"]) == (4, 0, 0, None)
    assert math.isnan(spd["difference_b"])
    assert maxpool["remark"] == ""


def test_without_a_common_seed_the_two_are_not_subtracted(folder: Folder) -> None:
    spd, _ = primary(compare(folder("a", by_seed(BEFORE)), folder("b", by_seed(AFTER, range(7, 11)))))
    assert (spd["n_a"], spd["n_b"], spd["n"], spd["pairing"], spd["verdict"]) == (4, 4, 0, "none", None)
    assert spd["remark"].startswith("no seed in common")


def test_on_other_data_the_two_are_not_subtracted(folder: Folder) -> None:
    data = {"data": {"name": "small_objects", "digest": "e" * 64}}
    b = folder("b", by_seed(AFTER), of=dict.fromkeys(AFTER, data))
    spd, _ = primary(compare(folder("a", by_seed(BEFORE)), b))
    assert (spd["n"], spd["verdict"]) == (0, None)
    assert spd["difference_b"] == pytest.approx(difference(AFTER, "spd").mean())
    assert "tested on other data" in spd["remark"]


def test_a_study_of_one_variant_has_no_contrast(folder: Folder) -> None:
    one = {"strided": {0: 0.5, 1: 0.6, 2: 0.7}}
    assert compare(folder("a", one), folder("b", one)).contrasts.empty


def test_a_baseline_that_no_variant_is_called_by_is_named_with_its_file(folder: Folder) -> None:
    with pytest.raises(ResultsError, match=r"b/plan\.json: holds no plan .*: unknown baseline 'strode'; did you mean"):
        folder("b", by_seed(AFTER), plan={"baseline": "strode"})


class TestCrossed:
    """Two factors: what is compared are main effects, averaged over the levels of the other."""

    LEVELS = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}  # noqa: RUF012

    def study(self, folder: Folder, name: str, gain: float, **changes: Any) -> Any:
        draw = np.random.default_rng(len(name))
        cells = [dict(zip(self.LEVELS, levels, strict=True)) for levels in product(*self.LEVELS.values())]
        names = [",".join(f"{path.rpartition('.')[2]}={level}" for path, level in cell.items()) for cell in cells]
        values = {
            each: {
                seed: round(0.7 + gain * (cell["model.downsample"] == "spd") + luck, 4)
                for seed, luck in enumerate(draw.normal(0, 0.001, 4))
            }
            for each, cell in zip(names, cells, strict=True)
        }
        factors = [{"path": path, "column": path.rpartition(".")[2]} for path in self.LEVELS]
        levels = {each: {"levels": cell} for each, cell in zip(names, cells, strict=True)}
        return folder(name, values, of=levels, plan={"factors": factors}, factors=self.LEVELS, **changes)

    def of_width(self, results: Any) -> np.ndarray:
        """Of every seed: wide minus narrow, averaged over the ways to halve the resolution."""
        cells = results.trials.pivot_table(index="seed", columns=["width", "downsample"], values="accuracy")
        return (cells["0.5"].mean(axis=1) - cells["0.25"].mean(axis=1)).to_numpy()

    def test_main_effects_are_compared(self, folder: Folder) -> None:
        a, b = self.study(folder, "a", 0.05), self.study(folder, "bb", 0.10)
        downsample, width = primary(compare(a, b))
        assert (downsample["variant"], downsample["baseline"]) == ("downsample=spd", "downsample=strided")
        assert downsample["difference_a"] == pytest.approx(0.05, abs=0.002)
        assert downsample["difference_b"] == pytest.approx(0.10, abs=0.002)
        assert downsample["difference"] == pytest.approx(0.05, abs=0.004)
        assert (downsample["verdict_a"], downsample["verdict_b"], downsample["verdict"]) == (
            "better",
            "better",
            "changed",
        )
        effects = [self.of_width(results) for results in (a, b)]
        assert width["variant"] == "width=0.5"
        assert width["p_value"] == pytest.approx(stats.ttest_rel(effects[1], effects[0]).pvalue)

    def test_a_cell_that_b_lacks_is_missing_from_every_main_effect(self, folder: Folder) -> None:
        a = self.study(folder, "a", 0.05)
        b = folder("bb", {"downsample=spd,width=0.5": dict.fromkeys(range(4), 0.7)})
        assert [row["n"] for row in primary(compare(a, b))] == [0, 0]

    def test_conditions_of_the_data_are_not_crossed(self, folder: Folder) -> None:
        """The same network on two data sets, each against its own."""
        factors = {"data.noise": [0, 1]}

        def study(name: str, shift: float) -> Any:
            of = {
                level: {
                    "levels": {"data.noise": level},
                    "model": {"preset": "mini_xception"},
                    "data": {"name": "small_objects", "digest": level * 64},
                }
                for level in ("0", "1")
            }
            values = {"0": {0: 0.7, 1: 0.72, 2: 0.74}, "1": {0: 0.5 + shift, 1: 0.53 + shift, 2: 0.55 + shift}}
            return folder(
                name, values, of=of, plan={"factors": [{"path": "data.noise", "column": "noise"}]}, factors=factors
            )

        compared = compare(study("a", 0.0), study("b", 0.1))
        assert compared.contrasts.empty
        rows = [row for row in compared.variants.to_dict("records") if row["metric"] == "accuracy"]
        assert [(row["variant"], row["remark"], row["verdict"]) for row in rows] == [
            ("0", "", "identical"),
            ("1", "", "inconclusive"),
        ]
        assert rows[1]["difference"] == pytest.approx(0.1)
