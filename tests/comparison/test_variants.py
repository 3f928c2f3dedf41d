"""B minus A, variant by variant, against scipy and Holm's steps by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.comparison import compare

pytestmark = pytest.mark.usefixtures("quick_corrections")

Folder = Callable[..., Any]
SEEDS = range(6)
BEFORE = {"strided": [0.70, 0.72, 0.71, 0.69, 0.73, 0.70], "spd": [0.75, 0.74, 0.77, 0.76, 0.75, 0.74]}
AFTER = {"strided": [0.71, 0.73, 0.73, 0.71, 0.74, 0.72], "spd": [0.75, 0.75, 0.76, 0.77, 0.74, 0.75]}
BEFORE["maxpool"], AFTER["maxpool"] = [0.8, 0.82, 0.79, 0.81, 0.8, 0.83], [0.81, 0.84, 0.8, 0.82, 0.81, 0.85]


def accuracies(values: dict[str, list[float]], seeds: range = SEEDS) -> dict[str, dict[int, float]]:
    return {variant: dict(zip(seeds, own, strict=True)) for variant, own in values.items()}


def rows(table: pd.DataFrame, metric: str = "accuracy") -> dict[str, Any]:
    return {row["variant"]: row for row in table[table["metric"] == metric].to_dict("records")}


class TestPaired:
    @pytest.fixture
    def found(self, folder: Folder) -> dict[str, Any]:
        return rows(compare(folder("a", accuracies(BEFORE)), folder("b", accuracies(AFTER))).variants)

    @pytest.mark.parametrize("variant", list(BEFORE))
    def test_difference_interval_and_p_are_those_of_a_paired_t_test(self, found: dict[str, Any], variant: str) -> None:
        peer = stats.ttest_rel(AFTER[variant], BEFORE[variant])
        row = found[variant]
        assert row["difference"] == pytest.approx(np.mean(AFTER[variant]) - np.mean(BEFORE[variant]))
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(peer.confidence_interval(0.95)))
        assert row["p_value"] == pytest.approx(peer.pvalue)
        assert (row["pairing"], row["n"], row["n_a"], row["n_b"]) == ("by seed", 6, 6, 6)
        assert (row["mean_a"], row["mean_b"]) == pytest.approx((np.mean(BEFORE[variant]), np.mean(AFTER[variant])))

    def test_holm_is_over_the_variants(self, found: dict[str, Any]) -> None:
        p = {name: stats.ttest_rel(AFTER[name], BEFORE[name]).pvalue for name in BEFORE}
        first, second, third = sorted(p, key=p.__getitem__)
        assert found[first]["p_adjusted"] == pytest.approx(3 * p[first])
        assert found[second]["p_adjusted"] == pytest.approx(max(3 * p[first], 2 * p[second]))
        assert found[third]["p_adjusted"] == pytest.approx(max(2 * p[second], p[third]))

    def test_the_verdict_says_where_b_is_better(self, found: dict[str, Any]) -> None:
        assert {name: row["verdict"] for name, row in found.items()} == {
            "strided": "better",
            "spd": "inconclusive",
            "maxpool": "better",
        }

    def test_all_signs_alike_is_the_smallest_p_that_flips_can_give(self, found: dict[str, Any]) -> None:
        assert found["strided"]["p_sign_flip"] == 2 / 2**6

    def test_exchanging_a_and_b_turns_the_verdict(self, folder: Folder) -> None:
        turned = rows(compare(folder("b", accuracies(AFTER)), folder("a", accuracies(BEFORE))).variants)
        assert turned["strided"]["verdict"] == "worse"


def test_only_the_primary_metric_is_tested(folder: Folder) -> None:
    compared = compare(folder("a", accuracies(BEFORE)), folder("b", accuracies(AFTER)))
    assert list(dict.fromkeys(compared.variants["metric"])) == ["accuracy", "test_loss"]
    for row in rows(compared.variants, "test_loss").values():
        assert row["verdict"] is None
        assert math.isnan(row["p_adjusted"])


def test_a_loss_as_primary_metric_comes_first_and_less_of_it_is_better(folder: Folder) -> None:
    def study(name: str, loss: float) -> Any:
        metrics = {"accuracy": 0.5, "test_loss": loss, "train_seconds": 1.0, "train_images_per_second": 1.0}
        return folder(name, {"spd": dict.fromkeys(range(3), 0.5)}, primary="test_loss", record={"metrics": metrics})

    compared = compare(study("a", 1.0), study("b", 0.5))
    first = compared.variants.iloc[0]
    assert (compared.primary, first["metric"], first["difference"]) == ("test_loss", "test_loss", -0.5)
    # Differences without any spread leave nothing to test against.
    assert (first["p_value"], first["verdict"]) == (1.0, "inconclusive")


def test_within_the_margin_of_a_both_are_equivalent(folder: Folder) -> None:
    values = {"spd": [0.7, 0.71, 0.72, 0.73]}
    nearly = {"spd": [0.7001, 0.7099, 0.7201, 0.7299]}
    a = folder("a", accuracies(values, range(4)), margin={"accuracy": 0.01})
    assert rows(compare(a, folder("b", accuracies(nearly, range(4)))).variants)["spd"]["verdict"] == "equivalent"


class TestIdentical:
    def test_is_a_finding_of_its_own(self, folder: Folder) -> None:
        a, b = folder("a", accuracies(BEFORE)), folder("b", accuracies({**BEFORE, "spd": AFTER["spd"]}))
        found = rows(compare(a, b).variants)
        assert {name: row["verdict"] for name, row in found.items()} == {
            "strided": "identical",
            "spd": "inconclusive",
            "maxpool": "identical",
        }
        assert (found["strided"]["same_key"], found["strided"]["bit_equal"]) == (6, 6)
        # The first seed happens to give the same.
        assert (found["spd"]["same_key"], found["spd"]["bit_equal"]) == (6, 1)
        assert found["strided"]["badges"] == ""

    def test_needs_every_planned_trial(self, folder: Folder) -> None:
        part = {**accuracies(BEFORE), "spd": {**accuracies(BEFORE)["spd"], 5: None}}
        row = rows(compare(folder("a", accuracies(BEFORE)), folder("b", part)).variants)["spd"]
        assert (row["verdict"], row["unfinished"], row["bit_equal"]) == ("inconclusive", 1, 5)
        assert "missing seeds" in row["badges"]


class TestSeeds:
    def test_of_a_different_count_those_of_both_are_paired(self, folder: Folder) -> None:
        more = {name: {**own, 6: 0.1, 7: 0.1} for name, own in accuracies(AFTER).items()}
        row = rows(compare(folder("a", accuracies(BEFORE)), folder("b", more)).variants)["strided"]
        assert (row["n"], row["n_a"], row["n_b"], row["pairing"]) == (6, 6, 8, "by seed")
        assert row["difference"] == pytest.approx(np.mean(AFTER["strided"]) - np.mean(BEFORE["strided"]))
        assert "missing seeds" not in row["badges"]

    def test_that_differ_from_variant_to_variant_are_paired_variant_by_variant(self, folder: Folder) -> None:
        some = {"strided": accuracies(BEFORE)["strided"], "spd": dict(list(accuracies(BEFORE)["spd"].items())[:4])}
        found = rows(compare(folder("a", some), folder("b", accuracies(AFTER))).variants)
        assert (found["strided"]["n"], found["spd"]["n"]) == (6, 4)
        assert found["spd"]["verdict"] == "inconclusive"
        assert "missing seeds" not in found["spd"]["badges"]

    def test_under_three_pairs_there_is_no_verdict(self, folder: Folder) -> None:
        two = {"spd": {0: 0.5, 1: 0.6}}
        row = rows(compare(folder("a", two), folder("b", {"spd": {0: 0.6, 1: 0.71}})).variants)["spd"]
        assert (row["n"], row["verdict"]) == (2, None)

    def test_in_common_there_is_none_and_welch_s_interval_stands(self, folder: Folder) -> None:
        a, b = folder("a", accuracies(BEFORE)), folder("b", accuracies(AFTER, range(10, 16)))
        found = rows(compare(a, b).variants)
        for name, row in found.items():
            peer = stats.ttest_ind(AFTER[name], BEFORE[name], equal_var=False)
            assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(peer.confidence_interval(0.95)))
            assert row["p_value"] == pytest.approx(peer.pvalue)
            assert row["pairing"] == "unpaired"
            assert row["remark"] == "no seed in common: Welch's interval, of unpaired trials"
            assert "normality assumed" in row["badges"]
            assert math.isnan(row["p_sign_flip"])
            assert (row["seeds"], row["same_key"]) == (0, 0)
        raw = [stats.ttest_ind(AFTER[name], BEFORE[name], equal_var=False).pvalue for name in BEFORE]
        assert min(row["p_adjusted"] for row in found.values()) == pytest.approx(min(3 * min(raw), 1))

    def test_that_are_missing_leave_welch_s_verdict_open(self, folder: Folder) -> None:
        far = {"spd": {10: 0.9, 11: 0.91, 12: 0.92, 13: None}}
        a = folder("a", {"spd": {0: 0.5, 1: 0.51, 2: 0.52}})
        row = rows(compare(a, folder("b", far)).variants)["spd"]
        assert row["p_adjusted"] < 0.05
        assert row["verdict"] == "inconclusive"
        assert "missing seeds" in row["badges"]


class TestBadges:
    def test_a_diverged_trial_enters_with_its_accuracy_and_a_badge(self, folder: Folder, make_record: Any) -> None:
        lost = {"accuracy": 0.1, "test_loss": None, "train_seconds": 1.0, "train_images_per_second": 1.0}
        seeds = {"spd": dict.fromkeys(range(3), 0.1)}
        compared = compare(folder("a", seeds), folder("b", seeds, record={"state": "diverged", "metrics": lost}))
        row, loss = rows(compared.variants)["spd"], rows(compared.variants, "test_loss")["spd"]
        assert (row["n"], row["mean_b"]) == (3, pytest.approx(0.1))
        assert "diverged" in row["badges"].split(";")
        assert (loss["n"], loss["badges"]) == (0, "missing seeds;diverged")

    def test_two_machines_are_no_fault_of_a_comparison(self, folder: Folder) -> None:
        a = folder("a", accuracies(BEFORE))
        b = folder("b", accuracies(AFTER), environment={"machine": {"cpu": "another"}})
        assert "mixed environments" not in rows(compare(a, b).variants)["spd"]["badges"]


def test_on_other_data_there_is_no_verdict_and_the_reason_stands(folder: Folder) -> None:
    other = {"spd": {"data": {"name": "small_objects", "digest": "e" * 64}}}
    b = folder("b", accuracies(AFTER), of=other)
    found = rows(compare(folder("a", accuracies(BEFORE)), b).variants)
    row = found["spd"]
    assert (row["verdict"], row["n"], row["pairing"]) == (None, 0, "none")
    assert math.isnan(row["difference"])
    assert row["mean_b"] == pytest.approx(np.mean(AFTER["spd"]))
    assert row["remark"] == f"tested on other data (digest {'d' * 12} in A, {'e' * 12} in B)"
    # What was not tested is no member of the family.
    raw = sorted(stats.ttest_rel(AFTER[name], BEFORE[name]).pvalue for name in ("strided", "maxpool"))
    assert min(found[name]["p_adjusted"] for name in ("strided", "maxpool")) == pytest.approx(2 * raw[0])


def test_a_study_without_a_finished_trial_is_compared_all_the_same(folder: Folder) -> None:
    nothing = {name: dict.fromkeys(SEEDS) for name in BEFORE}
    row = rows(compare(folder("a", accuracies(BEFORE)), folder("b", nothing)).variants)["spd"]
    assert (row["n_a"], row["n_b"], row["n"], row["verdict"], row["unfinished"]) == (6, 0, 0, None, 6)
