"""The cache of counts: what it keeps, and that nothing depends on it."""

from pathlib import Path

import pytest

from ablate.count_cache import cache_path, recall, remember


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_was_remembered_is_recalled() -> None:
    assert recall(["a"]) == {}
    remember({"a": {"params": 1}, "b": {"params": 2}})
    remember({"b": {"params": 3}})
    assert recall(["a", "b", "c"]) == {"a": {"params": 1}, "b": {"params": 3}}


def test_thousands_of_keys_are_no_matter() -> None:
    many = {str(number): {"macs": number} for number in range(2_500)}
    remember(many)
    assert recall(many) == many


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_file_is_an_empty_cache(content: bytes) -> None:
    cache_path().parent.mkdir(parents=True)
    cache_path().write_bytes(content)
    assert recall(["a"]) == {}
    remember({"a": {}})


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    remember({"a": {}})
    assert recall(["a"]) == {}


def test_it_lies_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_path() == tmp_path / "cache" / "ablate" / "counts.db"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_path() == tmp_path / ".cache" / "ablate" / "counts.db"
