"""`image_folder`: the reader's own pictures, one folder a class, under train/ and test/ (or val/)."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ablate.data.decoded import are_many, stored
from ablate.data.folder import data_folder, files_digest, unreadable
from ablate.data.types import DataInfo, Split, SplitName
from ablate.errors import DataError
from ablate.schema import DataConfig

IMAGE_SIZE = 32
CHANNELS = 3
# Other files, such as a thumbnail cache, are passed over.
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
# What a file is, is told by its content. Nothing else is tried: to read EPS, Pillow runs Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")

_FOLDERS: dict[SplitName, tuple[str, ...]] = {"train": ("train",), "test": ("test", "val")}


def describe(config: DataConfig) -> DataInfo:
    """Facts of the folder, by counting its files; raises `DataError` for a folder that is not laid out as above."""
    classes = _classes(config)
    counts = {split: len(_files(config, split)) for split in _FOLDERS}
    return DataInfo(
        config.name, len(classes), _image_size(config), CHANNELS, counts["train"], counts["test"], "crop_flip"
    )


def digest(config: DataConfig) -> str:
    """Digest of every image's path and bytes; raises `DataError` as `describe`."""
    _classes(config)
    root = data_folder(config)
    return files_digest(
        root, [path.relative_to(root).as_posix() for split in _FOLDERS for path in _files(config, split)]
    )


def load(config: DataConfig, split: SplitName) -> Split:
    """Decode a split: RGB, shorter side scaled to `image_size`, centre cropped; (n, 3, image_size, image_size).

    Pixels that memory has no room for are decoded once into a file, and mapped from there.

    Pictures are turned as their EXIF data say; of several in one file the first counts, of 16 bits the upper 8, and
    transparency is left out. Labels are the places of the class names in alphabetical order. Raises `DataError` as
    `describe`, and for a file that cannot be decoded, or is so large (Pillow's MAX_IMAGE_PIXELS) that it may be a trap.
    """
    label_of = {name: label for label, name in enumerate(_classes(config))}
    size, files, folder = _image_size(config), _files(config, split), _split_folder(config, split)
    shape = (len(files), CHANNELS, size, size)
    with _large_pictures_refused():
        images = stored(files, shape, partial(_decode, size=size)) if are_many(shape) else _in_memory(files, shape)
    labels = np.array([label_of[path.relative_to(folder).parts[0]] for path in files], dtype=np.int64)
    return Split(images, labels)


def _in_memory(files: Sequence[Path], shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    images = np.empty(shape, dtype=np.uint8)
    for image, path in zip(images, files, strict=True):
        image[:] = _decode(path, shape[3])
    return images


def _image_size(config: DataConfig) -> int:
    return IMAGE_SIZE if config.image_size is None else config.image_size


def _split_folder(config: DataConfig, split: SplitName) -> Path:
    root = data_folder(config)
    for name in _FOLDERS[split]:
        if (root / name).is_dir():
            return root / name
    wanted = " or ".join(f"{name}/<class>/<image>" for name in _FOLDERS[split])
    raise DataError(f"{root} has no folder {_FOLDERS[split][0]}; image_folder reads {wanted} below data.root")


def _classes(config: DataConfig) -> list[str]:
    """Class names, sorted; the splits must have the same."""
    train, test = (_split_folder(config, split) for split in ("train", "test"))
    names, test_names = _class_names(train), _class_names(test)
    differing = sorted(set(names) ^ set(test_names))
    if differing:
        has, lacks = (train, test) if differing[0] in names else (test, train)
        raise DataError(f"class {differing[0]!r} is in {has} but not in {lacks}; both splits need the same classes")
    return names


def _class_names(folder: Path) -> list[str]:
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error
    if not names:
        raise DataError(f"{folder} has no class folders; image_folder reads one folder a class there")
    return names


def _files(config: DataConfig, split: SplitName) -> list[Path]:
    folder = _split_folder(config, split)
    return [path for name in _class_names(folder) for path in _images_of(folder / name)]


def _images_of(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and _is_visible_file(path))
    if not found:
        raise DataError(f"class folder {folder} has no images ({', '.join(sorted(SUFFIXES))})")
    return found


def _is_visible_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


@contextmanager
def _large_pictures_refused() -> Iterator[None]:
    """Metadata that is damaged is no reason to warn: pictures of well-known sets have some, and are sound."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _decode(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=FORMATS) as opened:
            upright = _in_eight_bits(ImageOps.exif_transpose(opened), opened.format)
            # Through RGBA, since a palette with transparency has no direct way to RGB.
            picture = upright.convert("RGBA").convert("RGB")
            fitted = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
    except Exception as cause:  # Pillow raises whatever a damaged file leads it to
        raise DataError(f"{path} is not a readable image ({cause}); replace or remove it") from cause
    return np.asarray(fitted).transpose(2, 0, 1)


def _in_eight_bits(picture: Image.Image, form: str | None) -> Image.Image:
    """`picture`, of 16 bits the upper 8, which Pillow would cut off at 255; raises `ValueError` for wider numbers.

    PNG has no wider ones, though older versions of Pillow give its 16 bits as 32.
    """
    if picture.mode in SIXTEEN_BITS or (picture.mode == "I" and form == "PNG"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(f"its pixels are 32-bit numbers, mode {picture.mode}, and may mean anything; make them 8-bit")
    return picture
