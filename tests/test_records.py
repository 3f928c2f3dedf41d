"""What is written into a results folder, and how it is read back."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ablate.errors import ResultsError
from ablate.records import (
    Record,
    canonical,
    digest,
    failure_path,
    finished_keys,
    load_record,
    load_results,
    pack_bits,
    read_json,
    record_path,
    save_record,
    unpack_bits,
    write_bytes,
    write_json,
)

KEY = "k" * 64


class TestAtomicWrite:
    @pytest.mark.parametrize("moment", ["fsync", "replace"])
    def test_a_crash_before_the_rename_leaves_the_old_content(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        path = tmp_path / "plan.json"
        write_bytes(path, b"old")

        def crash(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os if moment == "fsync" else Path, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            write_bytes(path, b"new and longer")
        assert path.read_bytes() == b"old"

    def test_content_is_synced_before_it_takes_the_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        happened = []
        sync, rename = os.fsync, Path.replace

        def fsync(descriptor: int) -> None:
            happened.append(f"sync {os.fstat(descriptor).st_size}")
            sync(descriptor)

        def replace(path: Path, target: Path) -> Path:
            happened.append(f"rename to {target.name}")
            return rename(path, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", replace)
        write_bytes(tmp_path / "a" / "b.json", b"12345")
        assert happened == ["sync 5", "rename to b.json"]
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]

    def test_a_half_written_record_is_no_record(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "replace", lambda *_: None)
        write_json(record_path(tmp_path, KEY), {})
        assert list((tmp_path / "records").iterdir())
        assert finished_keys(tmp_path) == set()

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ResultsError, match=r"file/plan\.json: cannot be written \(.*\); name another folder"):
            write_bytes(tmp_path / "file" / "plan.json", b"")

    def test_a_number_that_is_not_finite_is_never_written(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "a.json", {"loss": math.nan})
        assert not list(tmp_path.iterdir())


class TestCanonical:
    def test_one_spelling(self) -> None:
        assert canonical({"b": [1, 2.5, None, True], "a": "ä"}) == b'{"a":"\\u00e4","b":[1,2.5,null,true]}'

    def test_the_digest_is_sha256_of_it(self) -> None:
        # printf '{"a":1}' | sha256sum
        assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"

    def test_order_and_layout_do_not_matter_but_types_do(self) -> None:
        assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        assert digest({"a": (1, 2)}) == digest({"a": [1, 2]})
        assert len({digest({"a": value}) for value in (1, 1.0, True, "1", None)}) == 5

    def test_what_is_not_a_number_has_no_spelling(self) -> None:
        with pytest.raises(ValueError, match="JSON"):
            canonical([math.nan])


class TestBits:
    @given(arrays(np.bool_, st.integers(0, 200)))
    def test_bits_come_back_as_they_were(self, correct: np.ndarray) -> None:
        packed = pack_bits(correct)
        assert packed.isascii()
        assert np.array_equal(unpack_bits(packed, len(correct)), correct)

    def test_the_most_significant_bit_is_the_first_image(self) -> None:
        assert pack_bits(np.array([True] + [False] * 7 + [True])) == "gIA="  # 0x80 0x80 in base64
        assert unpack_bits("gIA=", 9).tolist() == [True] + [False] * 7 + [True]

    def test_a_test_split_of_ten_thousand_takes_less_than_two_kilobytes(self) -> None:
        assert len(pack_bits(np.ones(10_000, bool))) == 1668  # 4 x ceil(1250 / 3)


class TestRecord:
    def test_a_record_comes_back_as_it_was(self, tmp_path: Path, make_record: Any) -> None:
        record = make_record(KEY, 3, 0.1, metrics={**make_record(KEY, 3, 0.1).metrics, "test_loss": None}, attempts=2)
        save_record(tmp_path, record)
        assert load_record(tmp_path, KEY) == record
        assert finished_keys(tmp_path) == {KEY}

    def test_no_file_is_no_record(self, tmp_path: Path) -> None:
        assert load_record(tmp_path, KEY) is None
        assert finished_keys(tmp_path) == set()

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ('{"key": "kkk', r"records/k+\.json: cannot be read \(.*\); restore it or delete it"),
            ("", r"cannot be read"),
            ("\xff\xfe", r"cannot be read"),
            ("[]", r"is no record of this version \(.*\); delete it to run the trial again"),
            ('{"loss": 3}', r"is no record of this version"),
            ("3", r"is no record of this version"),
        ],
    )
    def test_a_truncated_or_foreign_file_is_named(self, tmp_path: Path, content: str, expected: str) -> None:
        path = record_path(tmp_path, KEY)
        path.parent.mkdir()
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(ResultsError, match=expected):
            load_record(tmp_path, KEY)

    def test_a_record_of_another_trial_is_named(self, tmp_path: Path, make_record: Any) -> None:
        save_record(tmp_path, make_record("other", 0, 0.5))
        record_path(tmp_path, "other").rename(record_path(tmp_path, KEY))
        with pytest.raises(ResultsError, match=r"holds the record of 'other'; delete it"):
            load_record(tmp_path, KEY)

    def test_a_record_without_its_metrics_is_named(self, tmp_path: Path, make_record: Any) -> None:
        save_record(tmp_path, make_record(KEY, 0, 0.5, metrics={"accuracy": 0.5}))
        with pytest.raises(ResultsError, match=r"lacks one of accuracy, test_loss, train_seconds, "):
            load_record(tmp_path, KEY)

    def test_a_record_with_every_field_of_the_class_is_stored(self, tmp_path: Path, make_record: Any) -> None:
        save_record(tmp_path, make_record(KEY, 0, 0.5))
        assert set(read_json(record_path(tmp_path, KEY))) == set(Record.__dataclass_fields__)


def plan() -> dict[str, Any]:
    """Two factors, two variants; the second seed is the larger number but the smaller text."""
    return {
        "study": {"name": "toy", "measure": ["accuracy", "latency"]},
        "factors": [{"path": "model.downsample", "column": "downsample"}, {"path": "relu", "column": "relu"}],
        "baseline": "a",
        "variants": [
            {
                "variant": name,
                "levels": {"model.downsample": name, "relu": "pre"},
                "model": {"downsample": name},
                "keys": {"9": f"{name}9", "10": f"{name}10"},
            }
            for name in ("a", "b")
        ],
    }


@pytest.fixture
def folder(tmp_path: Path, make_record: Any) -> Path:
    """Of four trials one is complete, one diverged, one failed, one missing."""
    write_json(tmp_path / "plan.json", plan())
    write_json(tmp_path / "environment.json", {"e1": {"machine": {}}})
    save_record(tmp_path, make_record("a9", 9, 0.75, attempts=2))
    lost = {"accuracy": 0.1, "test_loss": None, "train_seconds": 3.0, "train_images_per_second": 50.0}
    save_record(tmp_path, make_record("a10", 10, 0.1, state="diverged", metrics=lost, curve=[]))
    causes = [{"cause": "boom", "log": "logs/b9.log"}, {"cause": "bang", "log": "logs/b9.log"}]
    write_json(failure_path(tmp_path, "b9"), {"key": "b9", "attempts": causes})
    return tmp_path


class TestLoadResults:
    def test_the_columns_of_trials_are_the_contract_s(self, folder: Path) -> None:
        trials = load_results(folder).trials
        contract = ["variant", "downsample", "relu", "seed", "key", "state", "accuracy", "test_loss", "train_seconds"]
        contract += ["train_images_per_second", "attempts", "error", "environment"]
        assert list(trials.columns) == contract

    def test_a_row_for_every_trial_that_has_ended_seeds_by_number(self, folder: Path) -> None:
        trials = load_results(folder).trials
        ended = trials[["variant", "seed", "key", "state", "attempts", "error", "environment"]].values.tolist()
        assert ended == [
            ["a", 9, "a9", "complete", 2, "", "e1"],
            ["a", 10, "a10", "diverged", 1, "", "e1"],
            ["b", 9, "b9", "failed", 2, "bang", ""],
        ]
        assert trials["accuracy"].tolist()[:2] == [0.75, 0.1]
        assert np.isnan(trials["accuracy"][2])
        assert trials["test_loss"][0] == 1.0
        assert trials["test_loss"].isna().tolist() == [False, True, True]

    def test_a_record_counts_more_than_an_older_failure(self, folder: Path, make_record: Any) -> None:
        save_record(folder, make_record("b9", 9, 0.5))
        assert load_results(folder).trials["state"].tolist() == ["complete", "diverged", "complete"]

    def test_curves_name_their_trial(self, folder: Path) -> None:
        curves = load_results(folder).curves
        assert curves.to_dict("records") == [
            {"variant": "a", "seed": 9, "epoch": 1, "train_loss": 2.0, "train_accuracy": 0.5, "learning_rate": 0.1}
        ]

    def test_a_validation_loss_has_a_column_where_some_trial_watched_one(self, folder: Path) -> None:
        assert "validation_loss" not in load_results(folder).curves.columns
        record = json.loads(record_path(folder, "a9").read_text())
        record["curve"][0]["validation_loss"] = 1.5
        write_json(record_path(folder, "a9"), record)
        assert load_results(folder).curves["validation_loss"].tolist() == [1.5]

    def test_variants_that_are_one_network_share_a_record(self, folder: Path) -> None:
        shared = plan()
        shared["variants"][1]["keys"] = shared["variants"][0]["keys"]
        write_json(folder / "plan.json", shared)
        trials = load_results(folder).trials
        assert trials[["variant", "key", "accuracy"]].values.tolist() == [
            ["a", "a9", 0.75],
            ["a", "a10", 0.1],
            ["b", "a9", 0.75],
            ["b", "a10", 0.1],
        ]

    def test_what_each_finished_trial_got_right_stands_by_its_key(self, folder: Path) -> None:
        right = np.array([True, False, True, True, False, False, True, False, True])
        metrics = json.loads(record_path(folder, "a9").read_text())["metrics"]
        record = Record(
            key="a9",
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
        assert set(found) == {"a9", "a10"}
        assert (found["a9"].packed, found["a9"].count) == (b"\xb2\x80", 9)  # 1011 0010 1000 0000

    @pytest.mark.parametrize(("correct", "images"), [("gA==", 9), ("gIA=", 8), ("gA", 1)])
    def test_bits_that_do_not_fit_the_test_images_are_named(
        self, folder: Path, make_record: Any, correct: str, images: int
    ) -> None:
        save_record(folder, make_record("a9", 9, 0.5, correct=correct, test_images=images))
        with pytest.raises(ResultsError, match=rf"a9\.json: `correct` is not one bit for each of {images} test images"):
            load_results(folder)

    def test_an_unfinished_study_has_its_tables_too(self, tmp_path: Path) -> None:
        write_json(tmp_path / "plan.json", plan())
        results = load_results(str(tmp_path))
        assert (len(results.trials), len(results.curves), len(results.costs)) == (0, 0, 0)
        assert "accuracy" in results.trials.columns
        assert (results.environments, results.cost_group) == ({}, None)

    def test_what_is_no_results_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsError, match=r"nowhere: no such results folder; `ablate run STUDY` makes one"):
            load_results(tmp_path / "nowhere")
        with pytest.raises(ResultsError, match=r"is no results folder, it has no plan\.json"):
            load_results(tmp_path)
        for stranger in ("[]", "{}", '{"variants": []}'):
            (tmp_path / "plan.json").write_text(stranger)
            with pytest.raises(ResultsError, match=r"plan\.json: holds no plan; restore it or delete it"):
                load_results(tmp_path)
        (tmp_path / "plan.json").write_text("{")
        with pytest.raises(ResultsError, match=r"plan\.json: cannot be read"):
            load_results(tmp_path)


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


def test_written_json_is_readable_and_ends_in_a_newline(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "ä"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "ä"}
    assert "ä" in text
    assert text.endswith("}\n")
