import errno
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


class TestModes:
    """Whatever a picture's pixels are, either the right colours come out, or one sentence."""

    @staticmethod
    def read(root: Path, picture: Image.Image, name: str = "0.png", **options: Any) -> np.ndarray:
        """The picture, of 8 x 8 pixels and the only one of its class, as (row, column, channel)."""
        folder = root / "test" / "blue"
        for path in folder.iterdir():
            path.unlink()
        picture.save(folder / name, **options)
        return image_folder.load(config(root, image_size=8), "test").images[0].transpose(1, 2, 0)

    @pytest.fixture
    def colours(self) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)

    def test_colours_are_as_they_are(self, root: Path, colours: np.ndarray) -> None:
        for name in ("0.png", "0.bmp", "0.ppm", "0.tif"):
            np.testing.assert_array_equal(self.read(root, Image.fromarray(colours), name), colours)
        np.testing.assert_array_equal(self.read(root, Image.fromarray(colours), "0.webp", lossless=True), colours)

    def test_grey_is_all_three_channels(self, root: Path, colours: np.ndarray) -> None:
        grey = colours[:, :, 0]
        expected = np.repeat(grey[:, :, None], 3, axis=2)
        np.testing.assert_array_equal(self.read(root, Image.fromarray(grey)), expected)

    def test_one_bit_is_black_or_white(self, root: Path, colours: np.ndarray) -> None:
        bits = colours[:, :, 0] > 127
        expected = np.repeat(np.where(bits, 255, 0)[:, :, None], 3, axis=2)
        np.testing.assert_array_equal(self.read(root, Image.fromarray(bits)), expected)

    @pytest.mark.parametrize("name", ["0.png", "0.tif"])
    def test_of_sixteen_bits_the_upper_eight_count(self, root: Path, name: str) -> None:
        """Pillow would make everything from 255 on white."""
        deep = np.array([0, 1, 255, 256, 257 * 10, 40_000, 65_279, 65_535] * 8, dtype=np.uint16).reshape(8, 8)
        expected = [0, 0, 0, 1, 10, 156, 254, 255]  # by hand: a 256th, rounded down
        assert self.read(root, Image.fromarray(deep), name)[3].tolist() == [[level] * 3 for level in expected]

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_transparency_is_left_out(self, root: Path, colours: np.ndarray, mode: str) -> None:
        """As torchvision's ImageFolder has it: a hidden pixel shows its colour."""
        picture = Image.fromarray(colours).convert(mode)
        picture.putalpha(Image.fromarray(colours[:, :, 1]))
        np.testing.assert_array_equal(self.read(root, picture), np.asarray(picture.convert("RGB")))

    def test_a_palette_gives_its_colours_transparent_or_not(self, root: Path) -> None:
        places = np.arange(64, dtype=np.uint8).reshape(8, 8)
        colours = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
        picture = Image.fromarray(places).convert("P")
        picture.putpalette(colours.tobytes())
        for options in ({}, {"transparency": 3}, {"transparency": bytes(range(64))}):
            np.testing.assert_array_equal(self.read(root, picture, **options), colours[places])

    def test_printer_s_colours_become_the_screen_s(self, root: Path) -> None:
        """No cyan, full magenta and yellow is red; JPEG is exact in even areas."""
        for name in ("0.jpg", "0.tif"):
            found = self.read(root, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), name)
            assert found[4, 4].tolist() == list(RED)

    def test_of_an_animation_the_first_picture_counts(self, root: Path) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
        for name in ("0.gif", "0.webp", "0.tif"):
            found = self.read(root, frames[0], name, save_all=True, append_images=frames[1:])
            assert np.abs(found[4, 4].astype(int) - RED).max() <= 2  # WebP is lossy

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_photograph_is_turned_upright(self, root: Path, orientation: int) -> None:
        """EXIF 2.32, tag 0x0112: which edges of the picture the stored row 0 and column 0 are."""
        upright = np.zeros((8, 8, 3), dtype=np.uint8)
        upright[:4, :4], upright[:4, 4:], upright[4:, :4] = 255, 100, 50
        stored = {
            1: upright,  # top, left
            2: upright[:, ::-1],  # top, right
            3: upright[::-1, ::-1],  # bottom, right
            4: upright[::-1],  # bottom, left
            5: upright.transpose(1, 0, 2),  # left, top
            6: upright[:, ::-1].transpose(1, 0, 2),  # right, top
            7: upright[::-1, ::-1].transpose(1, 0, 2),  # right, bottom
            8: upright[::-1].transpose(1, 0, 2),  # left, bottom
        }[orientation]
        exif = Image.Exif()
        exif[0x0112] = orientation
        large = np.ascontiguousarray(stored.repeat(4, axis=0).repeat(4, axis=1))  # whole blocks of JPEG
        found = self.read(root, Image.fromarray(large), "0.jpg", exif=exif, quality=100)
        corners = found[[1, 1, 6, 6], [1, 6, 1, 6]].astype(int)
        assert np.abs(corners - [[255], [100], [50], [0]]).max() <= 2

    @pytest.mark.parametrize(("kind", "mode"), [(np.int32, "I"), (np.float32, "F")])
    def test_numbers_that_may_mean_anything_are_refused(self, root: Path, kind: Any, mode: str) -> None:
        picture = Image.fromarray(np.ones((8, 8), dtype=kind))
        expected = rf"blue/0\.tif is not a readable image \(its pixels are 32-bit numbers, mode {mode}, and may mean"
        with pytest.raises(DataError, match=expected):
            self.read(root, picture, "0.tif")


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header promises that many pixels, and nearly nothing behind it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 20_000, 2**31 - 1], ids=["warned of", "refused", "as large as can be"])
def test_a_picture_that_would_fill_the_memory_is_refused(root: Path, side: int) -> None:
    (root / "test" / "red" / "1.png").write_bytes(png_header(side, side))
    with pytest.raises(DataError, match=r"red/1\.png is not a readable image \(Image size .* pixels\) exceeds limit"):
        image_folder.load(config(root), "test")


def test_damaged_metadata_of_a_sound_picture_are_passed_over_in_silence(root: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker of cameras"
    path = root / "test" / "red" / "0.jpg"
    Image.new("RGB", (32, 32), RED).save(path, exif=exif)
    content = path.read_bytes()
    # One tag, at which the reader is told that there are 255.
    assert content.count(b"\x00\x00\x00\x08\x00\x01") == 1
    path.write_bytes(content.replace(b"\x00\x00\x00\x08\x00\x01", b"\x00\x00\x00\x08\x00\xff"))
    with warnings.catch_warnings(record=True) as alone:
        warnings.simplefilter("always")
        Image.open(path).getexif()
    assert alone
    with warnings.catch_warnings(record=True) as said:
        images = image_folder.load(config(root), "test").images
    assert said == []
    assert np.abs(images[2, :, 5, 5].astype(int) - RED).max() <= 2


def test_a_program_for_a_printer_is_no_picture(root: Path) -> None:
    """Pillow would hand it to Ghostscript, which runs it."""
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    (root / "test" / "red" / "1.png").write_bytes(program)
    with pytest.raises(DataError, match=r"1\.png is not a readable image \(cannot identify image file"):
        image_folder.load(config(root), "test")


def test_names_that_are_no_unicode_have_a_digest_and_a_message(root: Path) -> None:
    strange = Path(os.fsdecode(bytes(root / "test" / "red") + b"/caf\xe9.png"))
    strange.write_bytes(b"no picture")
    assert len(image_folder.digest(config(root))) == 64
    with pytest.raises(DataError) as caught:
        image_folder.load(config(root), "test")
    assert r"caf\udce9.png is not a readable image" in str(caught.value)


def test_what_this_user_may_not_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refused(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.match("test/red/1.png"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match=r"test/red/1\.png cannot be read \(Permission denied\)"):
        image_folder.digest(config(root))


FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 90},
    "GIF": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True},
}


def images_or_error(root: Path, size: int) -> np.ndarray | str:
    try:
        return image_folder.load(config(root, image_size=size), "test").images
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("form", FORMATS)
def test_no_cut_goes_unnoticed(root: Path, form: str) -> None:
    """What is left is either refused or, where only the end of the file is gone, the same picture."""
    path = root / "test" / "red" / "0.png"
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, form, **FORMATS[form])
    whole, expected = path.read_bytes(), image_folder.load(config(root), "test").images
    refused = 0
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        found = images_or_error(root, 32)
        refused += isinstance(found, str)
        assert (
            "test/red/0.png is not a readable image" in found if isinstance(found, str) else (found == expected).all()
        )
    assert refused > 0.8 * len(whole) / 7


@pytest.mark.parametrize("form", FORMATS)
def test_damage_of_any_kind_is_read_or_one_sentence(root: Path, form: str) -> None:
    (root / "test" / "red" / "1.png").unlink()
    path = root / "test" / "red" / "0.png"
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, form, **FORMATS[form])
    whole = path.read_bytes()

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=4))
    def check(changes: list[tuple[int, int]]) -> None:
        damaged = bytearray(whole)
        for place, value in changes:
            damaged[place] = value
        path.write_bytes(damaged)
        found = images_or_error(root, 8)
        assert "0.png is not a readable image" in found if isinstance(found, str) else found.shape == (3, 3, 8, 8)

    check()
