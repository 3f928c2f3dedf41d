"""Pictures decoded into a file: made once, anew when a picture changes, and never half."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ablate.data import decoded, image_folder
from ablate.data.folder import cache_folder
from ablate.errors import DataError
from ablate.schema import DataConfig


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder() / "decoded"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twenty files, each of which holds its number."""
    made = [tmp_path / f"{number}.txt" for number in range(20)]
    for number, path in enumerate(made):
        path.write_text(str(number))
    return made


class Decoder:
    """Pixels that are all a file's number; counts what it decodes."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: Path) -> NDArray[np.uint8]:
        self.count += 1
        return np.full((3, 4, 4), int(path.read_text()), dtype=np.uint8)


def test_pictures_are_decoded_once(files: list[Path]) -> None:
    decoder = Decoder()
    for _ in range(2):
        pixels = decoded.stored(files, (20, 3, 4, 4), decoder)
        assert isinstance(pixels, np.memmap)
        assert pixels[:, 2, 3, 3].tolist() == list(range(20))
    assert decoder.count == 20


def test_a_picture_that_changes_is_decoded_anew(files: list[Path]) -> None:
    decoded.stored(files, (20, 3, 4, 4), Decoder())
    files[3].write_text("77")
    os.utime(files[3], ns=(0, 1))
    assert decoded.stored(files, (20, 3, 4, 4), Decoder())[3, 0, 0, 0] == 77


def test_another_size_is_another_file(files: list[Path], own_cache: Path) -> None:
    decoded.stored(files, (20, 3, 4, 4), Decoder())
    decoded.stored(files, (20, 3, 4, 2), lambda path: np.zeros((3, 4, 2), dtype=np.uint8))
    assert len(list(own_cache.glob("*.npy"))) == 2


def test_what_fails_leaves_no_file(files: list[Path], own_cache: Path) -> None:
    files[7].write_text("no number")
    with pytest.raises(ValueError, match="no number"):
        decoded.stored(files, (20, 3, 4, 4), Decoder())
    assert [path.suffix for path in own_cache.iterdir()] == [".lock"]


def test_a_full_disk_is_one_sentence(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(DataError, match=r"^20 pictures take 0\.0 GiB, .* could not hold them either \(.*No space left"):
        decoded.stored(files, (20, 3, 4, 4), Decoder())


@pytest.mark.parametrize(("share", "many"), [(1.0, False), (1e-12, True)])
def test_many_is_a_share_of_memory(monkeypatch: pytest.MonkeyPatch, share: float, many: bool) -> None:
    monkeypatch.setattr(decoded, "MEMORY_SHARE", share)
    assert decoded.are_many((100, 3, 32, 32)) is many


def test_a_large_folder_has_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(3):
                pixels = draw.integers(0, 256, (20, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{number}.png")
    config = DataConfig(name="image_folder", root=tmp_path, image_size=16)
    memory = image_folder.load(config, "train")
    monkeypatch.setattr(decoded, "MEMORY_SHARE", 1e-12)
    disk = image_folder.load(config, "train")
    assert isinstance(disk.images, np.memmap)
    assert not isinstance(memory.images, np.memmap)
    np.testing.assert_array_equal(disk.images, memory.images)
    np.testing.assert_array_equal(disk.labels, memory.labels)
