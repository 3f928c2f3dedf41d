"""Published sets, read and downloaded through torchvision."""

import socket
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torchvision import datasets

from ablate.data.folder import data_folder
from ablate.data.published import PUBLISHED, Published, how_to_get, require
from ablate.data.types import Split, SplitName
from ablate.errors import DataError
from ablate.schema import DataConfig

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]

_SILENT_SERVER_SECONDS = 30.0
_DOWNLOAD_FAILED = (OSError, RuntimeError, EOFError, HTTPException, tarfile.TarError)


def load(config: DataConfig, split: SplitName) -> Split:
    """Read a split into memory; raises `DataError` for an absent set or one whose files are damaged."""
    folder, facts = require(config), PUBLISHED[config.name]
    try:
        images, labels = READERS[config.name](data_folder(config), split)
    except Exception as cause:  # readers raise whatever a damaged file leads them to
        raise DataError(_damaged(config, folder, " ".join(str(cause).split()))) from cause
    if wrong := _differs(images, labels, facts, split):
        raise DataError(_damaged(config, folder, wrong))
    return Split(np.ascontiguousarray(images), labels)


def fetch(config: DataConfig) -> None:
    """Download what is missing into the data folder; raises `DataError` that says how to do it by hand if it fails."""
    root = data_folder(config)
    try:
        with _patience(_SILENT_SERVER_SECONDS):
            DOWNLOADERS[config.name](root)
    except _DOWNLOAD_FAILED as cause:
        reason = " ".join(str(cause).split())
        raise DataError(f"{config.name} could not be downloaded ({reason}); {how_to_get(config)}") from cause


def _differs(images: NDArray[np.uint8], labels: NDArray[np.int64], facts: Published, split: SplitName) -> str:
    """In what a split is not what was published; empty when it is."""
    expected = {"train": facts.train_images, "test": facts.test_images}[split]
    if len(images) != expected or len(labels) != expected:
        return f"its {split} split has {len(images)} images and {len(labels)} labels instead of {expected}"
    shape = (facts.channels, facts.image_size, facts.image_size)
    if images.shape[1:] != shape or images.dtype != np.uint8:
        return f"its {split} split has images of shape {images.shape[1:]} and type {images.dtype} instead of {shape}"
    if not np.all((labels >= 0) & (labels < facts.classes)):
        return f"its {split} split has labels outside 0 to {facts.classes - 1}"
    return ""


def _damaged(config: DataConfig, folder: Path, found: str) -> str:
    return f"{config.name} in {folder} is damaged ({found}); delete its files and {how_to_get(config)}"


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Let connections give up after a silence; torchvision opens them without a limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_cifar(source: Callable[..., datasets.CIFAR10]) -> Callable[[Path, SplitName], Arrays]:
    def read(root: Path, split: SplitName) -> Arrays:
        data = source(root, train=split == "train")
        return data.data.transpose(0, 3, 1, 2), np.asarray(data.targets, dtype=np.int64)

    return read


def _read_idx(source: Callable[..., datasets.MNIST]) -> Callable[[Path, SplitName], Arrays]:
    def read(root: Path, split: SplitName) -> Arrays:
        data = source(root, train=split == "train")
        return data.data.numpy()[:, None], data.targets.numpy().astype(np.int64)

    return read


def _read_svhn(root: Path, split: SplitName) -> Arrays:
    data = datasets.SVHN(root, split=split)
    return data.data, data.labels.astype(np.int64)


def _download_svhn(root: Path) -> None:
    for split in ("train", "test"):
        datasets.SVHN(root, split=split, download=True)


READERS: dict[str, Callable[[Path, SplitName], Arrays]] = {
    "cifar10": _read_cifar(datasets.CIFAR10),
    "cifar100": _read_cifar(datasets.CIFAR100),
    "mnist": _read_idx(datasets.MNIST),
    "fashion_mnist": _read_idx(datasets.FashionMNIST),
    "svhn": _read_svhn,
}

DOWNLOADERS: dict[str, Callable[[Path], object]] = {
    "cifar10": lambda root: datasets.CIFAR10(root, download=True),
    "cifar100": lambda root: datasets.CIFAR100(root, download=True),
    "mnist": lambda root: datasets.MNIST(root, download=True),
    "fashion_mnist": lambda root: datasets.FashionMNIST(root, download=True),
    "svhn": _download_svhn,
}
