"""The record of one trial: written, read back, and refused where it is not what was written."""

import json
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
    finished_keys,
    load_record,
    pack_bits,
    read_json,
    record_as_json,
    record_from_json,
    record_path,
    save_record,
    unpack_bits,
    write_json,
)

KEY = "0123456789abcdef" * 4
AGAIN = "`ablate run` sets it aside and runs the trial again$"


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


class TestAsJson:
    def test_a_record_comes_back_as_it_was_and_as_the_same_bytes(self, make_record: Any) -> None:
        record = make_record(KEY, 3, 0.1, attempts=2)
        text = record_as_json(record)
        assert record_from_json(text, KEY, "here") == record
        assert record_as_json(record_from_json(text.decode(), KEY, "here")) == text

    def test_every_field_of_the_class_is_stored(self, make_record: Any) -> None:
        assert set(json.loads(record_as_json(make_record(KEY, 0, 0.5)))) == set(Record.__dataclass_fields__)

    def test_what_a_worker_leaves_out_has_its_default(self, make_record: Any) -> None:
        stored = json.loads(record_as_json(make_record(KEY, 0, 0.5)))
        del stored["attempts"], stored["environment"]
        record = record_from_json(json.dumps(stored), KEY, "the worker")
        assert (record.attempts, record.environment) == (1, "")

    def test_an_error_names_where_the_text_came_from_and_no_file(self, make_record: Any) -> None:
        text = record_as_json(make_record("f" * 64, 0, 0.5))
        with pytest.raises(
            ResultsError, match=f"^the ledger's trial 3: holds the record of another trial, {'f' * 64}$"
        ):
            record_from_json(text, KEY, "the ledger's trial 3")
        with pytest.raises(ResultsError, match=r"^the ledger's trial 3: is no JSON that can be read \(Expecting value"):
            record_from_json(b"", KEY, "the ledger's trial 3")


class TestFile:
    def test_a_record_comes_back_as_it_was(self, tmp_path: Path, make_record: Any) -> None:
        metrics = {**make_record(KEY, 3, 0.1).metrics, "test_loss": None}
        record = make_record(KEY, 3, 0.1, metrics=metrics, state="diverged", attempts=2)
        save_record(tmp_path, record)
        assert load_record(tmp_path, KEY) == record
        assert finished_keys(tmp_path) == {KEY}

    def test_no_file_is_no_record(self, tmp_path: Path) -> None:
        assert load_record(tmp_path, KEY) is None
        assert finished_keys(tmp_path) == set()

    def test_a_half_written_record_is_no_record(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "replace", lambda *_: None)
        write_json(record_path(tmp_path, KEY), {})
        assert list((tmp_path / "records").iterdir())
        assert finished_keys(tmp_path) == set()

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ('{"key": "012', r"is no JSON that can be read \(Unterminated string .*\); "),
            ("", r"is no JSON that can be read \(Expecting value.*\); "),
            ("\xff\xfe", r"is no JSON that can be read \('utf-8' codec can't decode byte 0xff.*\); "),
            ("[]", r"is no record: expected a mapping of keys to values, not \[\]; "),
            ('{"loss": 3}', r"is no record: "),
            ("3", r"is no record: expected a mapping"),
            ("NaN", r"is no JSON that can be read \(the number NaN is not finite\); "),
        ],
    )
    def test_a_truncated_or_foreign_file_is_named_with_what_becomes_of_it(
        self, tmp_path: Path, content: str, expected: str
    ) -> None:
        path = record_path(tmp_path, KEY)
        path.parent.mkdir()
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(ResultsError, match=rf"records/{KEY}\.json: {expected}.*{AGAIN}"):
            load_record(tmp_path, KEY)

    def test_one_cut_at_any_byte_is_named(self, tmp_path: Path, make_record: Any) -> None:
        save_record(tmp_path, make_record(KEY, 0, 0.5))
        path = record_path(tmp_path, KEY)
        whole = path.read_bytes()
        # What misses only the line end after the last bracket is whole.
        for length in range(len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(ResultsError, match=AGAIN):
                load_record(tmp_path, KEY)

    def test_a_record_of_another_trial_is_named(self, tmp_path: Path, make_record: Any) -> None:
        save_record(tmp_path, make_record("e" * 64, 0, 0.5))
        record_path(tmp_path, "e" * 64).rename(record_path(tmp_path, KEY))
        with pytest.raises(ResultsError, match=f"holds the record of another trial, {'e' * 64}; {AGAIN}"):
            load_record(tmp_path, KEY)

    def test_a_wrong_field_is_named(self, tmp_path: Path, make_record: Any) -> None:
        save_record(tmp_path, make_record(KEY, 0, 0.5, metrics={"accuracy": 0.5}))
        with pytest.raises(ResultsError, match=rf"is no record: metrics\.test_loss: the key .* is missing; {AGAIN}"):
            load_record(tmp_path, KEY)

    def test_a_folder_in_its_place_is_named(self, tmp_path: Path) -> None:
        record_path(tmp_path, KEY).mkdir(parents=True)
        with pytest.raises(ResultsError, match=rf"{KEY}\.json: cannot be read \(Is a directory\); {AGAIN}"):
            load_record(tmp_path, KEY)

    def test_what_is_written_is_what_is_read(self, tmp_path: Path, make_record: Any) -> None:
        record = make_record(KEY, 0, 0.5)
        save_record(tmp_path, record)
        assert record_path(tmp_path, KEY).read_bytes() == record_as_json(record)
        assert set(read_json(record_path(tmp_path, KEY))) == set(Record.__dataclass_fields__)
