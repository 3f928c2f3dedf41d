import hashlib
from pathlib import Path

import pytest

from ablate.data.folder import data_folder, files_digest
from ablate.errors import DataError
from ablate.schema import DataConfig


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


def test_root_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_DATA", "/from/environment")
    assert data_folder(DataConfig(name="cifar10", root=Path("/stated"))) == Path("/stated")


def test_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_DATA", "/from/environment")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder(DataConfig(name="cifar10")) == Path("/from/environment")


def test_then_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_folder(DataConfig(name="cifar10")) == Path("/home/someone/.cache/ablate")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder(DataConfig(name="cifar10")) == Path("/cache/ablate")


def test_a_tilde_means_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_folder(DataConfig(name="cifar10", root=Path("~/sets"))) == Path("/home/someone/sets")


@pytest.mark.parametrize("stated", ["root", "environment"])
def test_a_tilde_that_means_nobody_s_home_is_named(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    root = Path("~nobody-at-all/sets")
    if stated == "environment":
        monkeypatch.setenv("ABLATE_DATA", str(root))
    with pytest.raises(
        DataError, match=r"data folder ~nobody-at-all/sets has no meaning here \(.*\); give data\.root or"
    ):
        data_folder(DataConfig(name="cifar10", root=root if stated == "root" else None))


def test_the_digest_covers_names_and_bytes(tmp_path: Path) -> None:
    for name, content in {"a": b"1", "b": b"2", "c": b"1"}.items():
        (tmp_path / name).write_bytes(content)
    by_hand = f"1:a:{hashlib.sha256(b'1').hexdigest()}\n1:b:{hashlib.sha256(b'2').hexdigest()}\n"
    assert files_digest(tmp_path, ["b", "a"]) == hashlib.sha256(by_hand.encode()).hexdigest()
    assert files_digest(tmp_path, ["c", "b"]) != files_digest(tmp_path, ["a", "b"])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match=r"/a cannot be read \(Is a directory\); see to it that this user may read it"):
        files_digest(tmp_path, ["a"])
