"""How files of a results folder are written and read."""

import errno
import json
import math
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ablate import files
from ablate.errors import ResultsError
from ablate.files import (
    ABANDONED_SECONDS,
    DEEPEST,
    canonical,
    clear_partials,
    digest,
    move,
    parse_json,
    read_json,
    write_bytes,
    write_json,
)


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
        assert list(tmp_path.iterdir()) == [path]

    def test_content_is_synced_before_the_rename_and_names_after_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        happened = []
        sync, rename = os.fsync, Path.replace

        def fsync(descriptor: int) -> None:
            synced = os.fstat(descriptor)
            happened.append("sync names" if stat.S_ISDIR(synced.st_mode) else f"sync {synced.st_size}")
            sync(descriptor)

        def replace(path: Path, target: Path) -> Path:
            happened.append(f"rename to {target.name}")
            return rename(path, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", replace)
        write_bytes(tmp_path / "a" / "b" / "c.json", b"12345")
        # Each folder that is made has its name in the one above, which is synced for it.
        assert happened == ["sync names", "sync names", "sync 5", "rename to c.json", "sync names"]
        assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.json"]

    def test_a_file_system_that_cannot_sync_names_is_no_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        write_bytes(tmp_path / "a.json", b"1")
        assert (tmp_path / "a.json").read_bytes() == b"1"

    def test_what_is_there_already_is_not_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "a.json"
        write_bytes(path, b"same")
        monkeypatch.setattr(files, "_replace", lambda *_: pytest.fail("written"))
        write_bytes(path, b"same")

    @pytest.mark.parametrize("content", [b"sama", b"sam", b"", b"samee"])
    def test_other_content_is_written(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.json"
        write_bytes(path, b"same")
        write_bytes(path, content)
        assert path.read_bytes() == content

    def test_a_file_where_a_folder_should_be_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        expected = r"file/records/a\.json: cannot be written \(.*/file is a file where a folder should be\); name anoth"
        with pytest.raises(ResultsError, match=expected):
            write_bytes(tmp_path / "file" / "records" / "a.json", b"")

    def test_a_folder_where_a_file_should_be_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").mkdir()
        with pytest.raises(ResultsError, match=r"a\.json: cannot be written \(Is a directory\)"):
            write_bytes(tmp_path / "a.json", b"")
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]

    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (errno.ENOSPC, "free some space there, or name another folder with --results"),
            (errno.EROFS, "name another folder with --results"),
        ],
    )
    def test_a_disk_that_takes_nothing_is_one_sentence_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
    ) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ResultsError, match=rf"a\.json: cannot be written \({os.strerror(number)}\); {advice}$"):
            write_bytes(tmp_path / "a.json", b"content")
        assert list(tmp_path.iterdir()) == []

    def test_a_number_that_is_not_finite_is_never_written(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "a.json", {"loss": math.nan})
        assert not list(tmp_path.iterdir())

    def test_written_json_is_readable_and_ends_in_a_newline(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a.json", {"name": "ä"})
        text = (tmp_path / "a.json").read_text(encoding="utf-8")
        assert json.loads(text) == {"name": "ä"}
        assert "ä" in text
        assert text.endswith("}\n")


class TestMove:
    def test_the_file_is_there_and_no_longer_here(self, tmp_path: Path) -> None:
        write_bytes(tmp_path / "a.json", b"1")
        move(tmp_path / "a.json", tmp_path / "deeper" / "b.json")
        assert (tmp_path / "deeper" / "b.json").read_bytes() == b"1"
        assert not (tmp_path / "a.json").exists()

    def test_what_is_gone_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsError, match=r"a\.json: cannot be moved to .*b\.json \(No such file or directory\)"):
            move(tmp_path / "a.json", tmp_path / "b.json")


class TestPartials:
    """Left half-written by a process that was killed; whoever comes next clears them."""

    @staticmethod
    def left_by(folder: Path, name: str, host: str, process: int, *, seconds_ago: float = 0.0) -> Path:
        known = {"here": files._this_host(), "elsewhere": "0" * 8}
        path = folder / f".{name}.{known[host]}-{process}-1.partial"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"{")
        os.utime(path, (time.time() - seconds_ago,) * 2)
        return path

    @pytest.fixture
    def dead(self) -> int:
        """The number of a process that is no more."""
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()
        return process.pid

    def test_those_of_dead_processes_go_wherever_they_lie(self, tmp_path: Path, dead: int) -> None:
        left = [self.left_by(folder, "a.json", "here", dead) for folder in (tmp_path, tmp_path / "records")]
        clear_partials(tmp_path)
        assert [path for path in left if path.exists()] == []

    def test_those_that_may_be_being_written_stay(self, tmp_path: Path, dead: int) -> None:
        own = self.left_by(tmp_path, "a.json", "here", os.getpid())
        foreign = self.left_by(tmp_path, "a.json", "elsewhere", dead)
        unknown = tmp_path / ".a.json.4711.partial"
        unknown.write_bytes(b"")
        clear_partials(tmp_path)
        assert {path for path in (own, foreign, unknown) if path.exists()} == {own, foreign, unknown}

    def test_no_write_takes_a_day(self, tmp_path: Path) -> None:
        left = [
            self.left_by(tmp_path, "a.json", host, os.getpid(), seconds_ago=ABANDONED_SECONDS + 60)
            for host in ("here", "elsewhere")
        ]
        clear_partials(tmp_path)
        assert [path for path in left if path.exists()] == []

    def test_nothing_else_goes(self, tmp_path: Path, dead: int) -> None:
        kept = [tmp_path / name for name in ("a.json", ".hidden", "a.partial", f"{dead}-1.partial")]
        for path in kept:
            path.write_bytes(b"")
            os.utime(path, (0, 0))
        clear_partials(tmp_path)
        assert all(path.exists() for path in kept)
        clear_partials(tmp_path / "nowhere")

    def test_what_is_being_written_says_who_writes_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "gethostname", lambda: "a host/with signs")
        seen = []
        monkeypatch.setattr(Path, "replace", lambda partial, _target: seen.append(partial.name))
        write_bytes(tmp_path / "a.json", b"1")
        found = files.PARTIAL.fullmatch(seen[0])
        assert found is not None
        assert (found["host"], found["process"]) == (files._this_host(), str(os.getpid()))


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


class TestParse:
    def test_json_is_read_as_it_is(self) -> None:
        assert parse_json(b'{"a": [1, 2.5, null, true, "\xc3\xa4", "\\ud83d\\ude00"]}') == {
            "a": [1, 2.5, None, True, "ä", "\N{GRINNING FACE}"]
        }
        assert parse_json("\n3") == 3
        assert parse_json(b"\xef\xbb\xbf{}") == {}
        assert parse_json(f"[{2**64 - 1}, -{2**64 - 1}]") == [2**64 - 1, -(2**64 - 1)]

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", "Expecting value"),
            (b"{", "Expecting property name"),
            (b'{"a": 1} x', "Extra data"),
            (b"\xff", "can't decode byte 0xff"),
            (b"\xed\xa0\x80", "can't decode byte 0xed"),
            (b'"\\ud800"', "surrogates not allowed"),
            (b'{"\\uDFFF": 1}', "surrogates not allowed"),
            (b"NaN", "the number NaN is not finite"),
            (b"[-Infinity]", "the number -Infinity is not finite"),
            (b"1e999", "the number 1e999 is not finite"),
            (str(2**64).encode(), "the whole number 18446744073709551616... has more than 64 bits"),
            (b"-1" + b"0" * 5000, r"the whole number -1000000000000000000\.\.\. has more than 64 bits"),
            (b"[" * 100_000, f"nested deeper than {DEEPEST} levels"),
            (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), f"nested deeper than {DEEPEST} levels"),
            (b'{"a":' * DEEPEST + b"{}" + b"}" * DEEPEST, f"nested deeper than {DEEPEST} levels"),
        ],
    )
    def test_what_no_file_of_ours_holds_is_an_error(self, content: bytes, expected: str) -> None:
        with pytest.raises(ValueError, match=expected):
            parse_json(content)

    def test_as_deep_as_may_be_is_read(self) -> None:
        assert parse_json(b"[" * DEEPEST + b"]" * DEEPEST)

    def test_an_absent_file_is_none_and_another_is_named(self, tmp_path: Path) -> None:
        assert read_json(tmp_path / "a.json") is None
        (tmp_path / "a.json").write_text("{")
        assert read_json(tmp_path / "a.json" / "b.json") is None
        with pytest.raises(ResultsError, match=r"a\.json: cannot be read \(Expecting .*\); restore it or delete it"):
            read_json(tmp_path / "a.json")
        with pytest.raises(ResultsError, match=r": cannot be read \(Is a directory\); restore it or delete it"):
            read_json(tmp_path)
