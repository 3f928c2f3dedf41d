from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ablate.data import image_folder
from ablate.errors import DataError
from ablate.schema import DataConfig

RED, BLUE = (255, 0, 0), (0, 0, 255)


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (40, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, count in {"train": 3, "test": 2}.items():
        for name, colour in {"red": RED, "blue": BLUE}.items():
            for number in range(count):
                paint(tmp_path / split / name / f"{number}.png", colour)
    return tmp_path


def config(root: Path, image_size: int | None = None) -> DataConfig:
    return DataConfig(name="image_folder", root=root, image_size=image_size)


def test_facts_are_counted(root: Path) -> None:
    facts = image_folder.describe(config(root))
    assert (facts.classes, facts.train_images, facts.test_images) == (2, 6, 4)
    assert (facts.image_size, facts.channels) == (32, 3)
    assert image_folder.describe(config(root, image_size=64)).image_size == 64


def test_labels_are_the_places_of_the_sorted_class_names(root: Path) -> None:
    split = image_folder.load(config(root), "train")
    assert split.labels.tolist() == [0, 0, 0, 1, 1, 1]  # blue, red
    assert split.images.shape == (6, 3, 32, 32)
    assert split.images[0, :, 5, 5].tolist() == list(BLUE)
    assert split.images[-1, :, 5, 5].tolist() == list(RED)


def test_a_wide_picture_is_scaled_then_cropped_at_the_centre(root: Path) -> None:
    wide = np.zeros((16, 48, 3), dtype=np.uint8)
    wide[:, 16:32] = 200  # the middle third is what a centre crop keeps
    Image.fromarray(wide).save(root / "train" / "blue" / "0.png")
    first = image_folder.load(config(root, image_size=16), "train").images[0]
    np.testing.assert_array_equal(first, np.full((3, 16, 16), 200))


def test_grey_palette_and_transparent_pictures_become_rgb(root: Path) -> None:
    folder = root / "test" / "blue"
    Image.new("L", (32, 32), 77).save(folder / "0.png")
    palette = Image.new("RGB", (32, 32), RED).convert("P")
    palette.save(folder / "1.png", transparency=bytes([255] * 200))
    images = image_folder.load(config(root), "test").images
    assert images[0, :, 0, 0].tolist() == [77, 77, 77]
    assert images[1, :, 0, 0].tolist() == list(RED)


def test_val_stands_for_test(root: Path) -> None:
    (root / "test").rename(root / "val")
    assert image_folder.load(config(root), "test").labels.tolist() == [0, 0, 1, 1]


def test_other_files_are_passed_over(root: Path) -> None:
    (root / "train" / "red" / "notes.txt").write_text("not a picture")
    (root / "train" / "red" / "._0.png").write_bytes(b"not a picture")
    (root / "train" / ".cache").mkdir()
    assert image_folder.describe(config(root)).train_images == 6


def test_the_digest_follows_names_and_bytes(root: Path) -> None:
    first = image_folder.digest(config(root))
    assert first == image_folder.digest(config(root))
    (root / "train" / "red" / "0.png").rename(root / "train" / "red" / "9.png")
    renamed = image_folder.digest(config(root))
    paint(root / "train" / "red" / "9.png", (1, 2, 3))
    assert len({first, renamed, image_folder.digest(config(root))}) == 3


@pytest.mark.parametrize(("split", "named"), [("train", "train"), ("test", "test/<class>/<image> or val/")])
def test_a_missing_split_is_named(root: Path, split: str, named: str) -> None:
    (root / split).rename(root / "elsewhere")
    with pytest.raises(DataError, match=named):
        image_folder.describe(config(root))


def test_a_split_without_classes_is_an_error(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
    with pytest.raises(DataError, match="train has no class folders"):
        image_folder.describe(config(tmp_path))


def test_classes_that_differ_are_an_error(root: Path) -> None:
    paint(root / "test" / "green" / "0.png", (0, 255, 0))
    with pytest.raises(DataError, match=r"class 'green' is in .*test but not in .*train"):
        image_folder.digest(config(root))


def test_an_empty_class_is_an_error(root: Path) -> None:
    for path in (root / "train" / "red").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="red has no images"):
        image_folder.describe(config(root))


@pytest.mark.parametrize("content", [b"", b"not a picture"], ids=["zero bytes", "no picture"])
def test_an_unreadable_image_is_named(root: Path, content: bytes) -> None:
    (root / "test" / "red" / "1.png").write_bytes(content)
    with pytest.raises(DataError, match=r"test/red/1\.png is not a readable image"):
        image_folder.load(config(root), "test")


def test_a_truncated_image_is_named(root: Path) -> None:
    path = root / "test" / "red" / "1.png"
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noisy).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"test/red/1\.png is not a readable image"):
        image_folder.load(config(root), "test")
