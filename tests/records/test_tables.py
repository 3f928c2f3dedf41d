"""A results folder as tables."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.errors import ResultsError
from ablate.records import (
    Record,
    failure_path,
    load_results,
    pack_bits,
    record_path,
    save_record,
    write_json,
)

Key = Callable[[str, int], str]


class TestTrials:
    def test_the_columns_are_the_contract_s(self, folder: Path) -> None:
        trials = load_results(folder).trials
        contract = ["variant", "downsample", "relu", "seed", "key", "state", "accuracy", "test_loss", "train_seconds"]
        contract += ["train_images_per_second", "attempts", "error", "environment"]
        assert list(trials.columns) == contract

    def test_a_row_for_every_trial_that_has_ended_seeds_by_number(self, folder: Path, key_of: Key) -> None:
        trials = load_results(folder).trials
        ended = trials[["variant", "seed", "key", "state", "attempts", "error", "environment"]].values.tolist()
        assert ended == [
            ["a", 9, key_of("a", 9), "complete", 2, "", "e1"],
            ["a", 10, key_of("a", 10), "diverged", 1, "", "e1"],
            ["b", 9, key_of("b", 9), "failed", 2, "bang", ""],
        ]
        assert trials["accuracy"].tolist()[:2] == [0.75, 0.1]
        assert np.isnan(trials["accuracy"][2])
        assert trials["test_loss"][0] == 1.0
        assert trials["test_loss"].isna().tolist() == [False, True, True]

    def test_a_record_counts_more_than_an_older_failure(self, folder: Path, make_record: Any, key_of: Key) -> None:
        save_record(folder, make_record(key_of("b", 9), 9, 0.5))
        assert load_results(folder).trials["state"].tolist() == ["complete", "diverged", "complete"]

    def test_variants_that_are_one_network_share_a_record(
        self, folder: Path, plan: dict[str, Any], key_of: Key
    ) -> None:
        plan["variants"][1]["keys"] = plan["variants"][0]["keys"]
        write_json(folder / "plan.json", plan)
        trials = load_results(folder).trials
        assert trials[["variant", "key", "accuracy"]].values.tolist() == [
            ["a", key_of("a", 9), 0.75],
            ["a", key_of("a", 10), 0.1],
            ["b", key_of("a", 9), 0.75],
            ["b", key_of("a", 10), 0.1],
        ]

    def test_an_unfinished_study_has_its_tables_too(self, tmp_path: Path, plan: dict[str, Any]) -> None:
        write_json(tmp_path / "plan.json", plan)
        results = load_results(str(tmp_path))
        assert (len(results.trials), len(results.curves), len(results.costs)) == (0, 0, 0)
        assert "accuracy" in results.trials.columns
        assert (results.environments, results.cost_group) == ({}, None)


class TestDamaged:
    """A record that cannot be used stops nobody from looking at the others."""

    def test_it_is_a_failed_trial_and_says_why(self, folder: Path, key_of: Key) -> None:
        record_path(folder, key_of("a", 9)).write_text('{"key": ')
        trials = load_results(folder).trials
        assert trials["state"].tolist() == ["failed", "diverged", "failed"]
        row = trials.iloc[0]
        assert (row["attempts"], row["environment"]) == (0, "")
        assert math.isnan(row["accuracy"])
        # As seen from the folder, so that the tables are the same wherever it lies.
        assert row["error"] == (
            f"records/{key_of('a', 9)}.json: is no JSON that can be read (Expecting value: line 1 column 9 (char 8)); "
            "`ablate run` sets it aside and runs the trial again"
        )

    def test_it_counts_more_than_an_older_failure_and_gives_no_curve_and_no_bits(
        self, folder: Path, key_of: Key
    ) -> None:
        write_json(failure_path(folder, key_of("a", 9)), {"attempts": [{"cause": "boom"}]})
        record_path(folder, key_of("a", 9)).write_text("[]")
        results = load_results(folder)
        assert results.trials["error"][0].startswith(f"records/{key_of('a', 9)}.json: is no record: ")
        assert set(results.correct) == {key_of("a", 10)}
        assert results.curves.empty

    def test_bits_that_do_not_fit_the_test_images_are_such_a_damage(
        self, folder: Path, make_record: Any, key_of: Key
    ) -> None:
        save_record(folder, make_record(key_of("a", 9), 9, 0.5, correct="gA==", test_images=9))
        assert "`correct` is not one bit for each of 9 test images" in load_results(folder).trials["error"][0]

    def test_one_of_another_trial_is_such_a_damage(self, folder: Path, make_record: Any, key_of: Key) -> None:
        record = asdict(make_record(key_of("b", 9), 9, 0.5))
        write_json(record_path(folder, key_of("a", 9)), record)
        assert "holds the record of another trial" in load_results(folder).trials["error"][0]

    def test_a_file_that_nothing_is_planned_for_is_not_looked_at(self, folder: Path) -> None:
        (folder / "records" / f"{'c' * 64}.json").write_text("{")
        (folder / "records" / "notes.json").write_text("{")
        assert load_results(folder).trials["state"].tolist() == ["complete", "diverged", "failed"]


class TestCurves:
    def test_curves_name_their_trial(self, folder: Path) -> None:
        curves = load_results(folder).curves
        assert curves.to_dict("records") == [
            {"variant": "a", "seed": 9, "epoch": 1, "train_loss": 2.0, "train_accuracy": 0.5, "learning_rate": 0.1}
        ]

    def test_a_validation_loss_has_a_column_where_some_trial_watched_one(self, folder: Path, key_of: Key) -> None:
        assert "validation_loss" not in load_results(folder).curves.columns
        path = record_path(folder, key_of("a", 9))
        record = json.loads(path.read_text())
        record["curve"][0]["validation_loss"] = 1.5
        write_json(path, record)
        assert load_results(folder).curves["validation_loss"].tolist() == [1.5]


def test_what_each_finished_trial_got_right_stands_by_its_key(folder: Path, key_of: Key) -> None:
    right = np.array([True, False, True, True, False, False, True, False, True])
    metrics = json.loads(record_path(folder, key_of("a", 9)).read_text())["metrics"] | {"accuracy": 5 / 9}
    record = Record(
        key=key_of("a", 9),
        seed=9,
        state="complete",
        metrics=metrics,
        steps=1,
        curve=[],
        correct=pack_bits(right),
        test_images=9,
    )
    save_record(folder, record)
    found = load_results(folder).correct
    assert set(found) == {key_of("a", 9), key_of("a", 10)}
    bits = found[key_of("a", 9)]
    assert (bits.packed, bits.count) == (b"\xb2\x80", 9)  # 1011 0010 1000 0000


class TestCosts:
    """Which sets are used is told in test_cost_sets.py."""

    def test_costs_are_a_table_of_the_variants_and_the_group_it_was_taken_from(self, folder: Path) -> None:
        variants = {
            name: {
                "model": {"downsample": name},
                "columns": {"latency_ms_p50": latency},
                "rounds": {"latency_ms_p50": [latency, None]},
                "samples": {},
                "spread": {},
                "problems": {},
                "uncounted": {},
            }
            for name, latency in (("b", 2.0), ("a", 1.0))
        }
        measured = {"environment": "e1", "metrics": ["latency"], "conditions": {}, "observed": {}, "variants": variants}
        write_json(folder / "costs.json", {"sets": [measured]})
        results = load_results(folder)
        assert results.costs.to_dict("records") == [
            {"variant": "a", "latency_ms_p50": 1.0},
            {"variant": "b", "latency_ms_p50": 2.0},
        ]
        assert results.cost_group is not None
        assert results.cost_group.variants["b"].rounds == {"latency_ms_p50": [2.0, None]}

    def test_a_set_of_the_older_format_is_no_cost(self, folder: Path) -> None:
        variants = {name: {"model": {"downsample": name}, "columns": {"latency_ms_p50": 1.0}} for name in "ab"}
        older = {"environment": "e1", "metrics": ["latency"], "conditions": {}, "rounds": 5, "variants": variants}
        write_json(folder / "costs.json", {"sets": [older]})
        results = load_results(folder)
        assert results.costs.empty
        assert results.cost_group is None


def test_what_is_no_results_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nowhere: no such results folder; `ablate run STUDY` makes one"):
        load_results(tmp_path / "nowhere")
    with pytest.raises(ResultsError, match=r"is no results folder, it has no plan\.json"):
        load_results(tmp_path)
