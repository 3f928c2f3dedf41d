"""Published sets that torchvision reads: what is known about them without torchvision, and whether they are there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ablate.data.folder import data_folder, files_digest
from ablate.data.types import Augment, DataInfo
from ablate.errors import DataError
from ablate.lookup import lookup
from ablate.schema import DataConfig


@dataclass(frozen=True)
class Published:
    """Facts about a set and its files.

    `files` must lie in `folder` below the data folder; they come from `sources`, which are unpacked into `target`
    below the data folder, or put there as they are.
    """

    classes: int
    image_size: int
    channels: int
    train_images: int
    test_images: int
    augment: Augment
    folder: str
    files: tuple[str, ...]
    sources: tuple[str, ...]
    target: str
    handling: Literal["unpack", "put"]


_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_SVHN_URL = "http://ufldl.stanford.edu/housenumbers/"

PUBLISHED: dict[str, Published] = {
    # Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    "cifar10": Published(
        classes=10,
        image_size=32,
        channels=3,
        train_images=50_000,
        test_images=10_000,
        augment="crop_flip",
        folder="cifar-10-batches-py",
        files=(*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"),
        sources=("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
        target=".",
        handling="unpack",
    ),
    "cifar100": Published(
        classes=100,
        image_size=32,
        channels=3,
        train_images=50_000,
        test_images=10_000,
        augment="crop_flip",
        folder="cifar-100-python",
        files=("train", "test", "meta"),
        sources=("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
        target=".",
        handling="unpack",
    ),
    # LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition".
    "mnist": Published(
        classes=10,
        image_size=28,
        channels=1,
        train_images=60_000,
        test_images=10_000,
        augment="crop",
        folder="MNIST/raw",
        files=_IDX_FILES,
        sources=tuple(f"{_MNIST_URL}{name}.gz" for name in _IDX_FILES),
        target="MNIST/raw",
        handling="unpack",
    ),
    # Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747.
    "fashion_mnist": Published(
        classes=10,
        image_size=28,
        channels=1,
        train_images=60_000,
        test_images=10_000,
        augment="crop_flip",
        folder="FashionMNIST/raw",
        files=_IDX_FILES,
        sources=tuple(f"{_FASHION_URL}{name}.gz" for name in _IDX_FILES),
        target="FashionMNIST/raw",
        handling="unpack",
    ),
    # Netzer et al. 2011, "Reading digits in natural images with unsupervised feature learning".
    "svhn": Published(
        classes=10,
        image_size=32,
        channels=3,
        train_images=73_257,
        test_images=26_032,
        augment="crop",
        folder=".",
        files=("train_32x32.mat", "test_32x32.mat"),
        sources=(f"{_SVHN_URL}train_32x32.mat", f"{_SVHN_URL}test_32x32.mat"),
        target=".",
        handling="put",
    ),
}


def describe(config: DataConfig) -> DataInfo:
    """Facts of the set; no file is read."""
    facts = lookup(PUBLISHED, config.name, "data set")
    return DataInfo(
        name=config.name,
        classes=facts.classes,
        image_size=facts.image_size,
        channels=facts.channels,
        train_images=facts.train_images,
        test_images=facts.test_images,
        augment=facts.augment,
    )


def digest(config: DataConfig) -> str:
    """Digest of the set's files; raises `DataError` that says what to download to where when one is absent."""
    folder = require(config)
    return files_digest(folder, PUBLISHED[config.name].files)


def require(config: DataConfig) -> Path:
    """The folder that holds the set's files; raises `DataError` as `digest` when one is absent."""
    folder = data_folder(config) / PUBLISHED[config.name].folder
    missing = [name for name in PUBLISHED[config.name].files if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{config.name} needs {folder / missing[0]}, which is absent; {how_to_get(config)}")
    return folder


def how_to_get(config: DataConfig) -> str:
    """The half sentence that ends every message about an absent set: what to download, to where, whose choice."""
    facts = PUBLISHED[config.name]
    verb = {"unpack": "unpack it in", "put": "put it in"}[facts.handling]
    if len(facts.sources) > 1:
        verb = verb.replace("it", "them")
    return (
        f"download {', '.join(facts.sources)} and {verb} {(data_folder(config) / facts.target).as_posix()} "
        "(data.root or the environment variable ABLATE_DATA choose another folder)"
    )
