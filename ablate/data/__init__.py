"""Data sets by name. Reading this table imports neither torch nor torchvision."""

from collections.abc import Callable
from dataclasses import dataclass

from ablate.data import image_folder, published, small_objects
from ablate.data.folder import data_folder
from ablate.data.subset import training_subset
from ablate.data.types import Augment, DataInfo, Split, SplitName
from ablate.schema import DataConfig

__all__ = ["DATASETS", "Augment", "DataInfo", "DataSet", "Split", "SplitName", "data_folder", "training_subset"]


@dataclass(frozen=True)
class DataSet:
    """A data set that a study can name.

    `fields` are the `data:` keys it takes beside name, root, seed and train_limit. `describe` gives its facts without
    reading images; `digest` is the sha256 of what its data are, in hexadecimal. `load` and `fetch` are dotted paths of
    (DataConfig, SplitName) -> Split and (DataConfig) -> None; a set with nothing to download has no `fetch`. All of
    them raise `DataError`.
    """

    summary: str
    fields: tuple[str, ...]
    describe: Callable[[DataConfig], DataInfo]
    digest: Callable[[DataConfig], str]
    load: str
    fetch: str | None


def _through_torchvision(summary: str) -> DataSet:
    return DataSet(
        summary=summary,
        fields=(),
        describe=published.describe,
        digest=published.digest,
        load="ablate.data.torchvision_sets:load",
        fetch="ablate.data.torchvision_sets:fetch",
    )


DATASETS: dict[str, DataSet] = {
    "small_objects": DataSet(
        summary="10 classes of small shapes on busy ground, 32x32 RGB, 5,000 + 5,000 images, made on the spot",
        fields=("object_size", "clutter", "noise"),
        describe=small_objects.describe,
        digest=small_objects.digest,
        load="ablate.data.small_objects:load",
        fetch=None,
    ),
    "cifar10": _through_torchvision("CIFAR-10: 10 classes of things and animals, 32x32 RGB, 50,000 + 10,000 images"),
    "cifar100": _through_torchvision("CIFAR-100: 100 classes of things and animals, 32x32 RGB, 50,000 + 10,000 images"),
    "mnist": _through_torchvision("MNIST: handwritten digits, 28x28 grey, 60,000 + 10,000 images"),
    "fashion_mnist": _through_torchvision("Fashion-MNIST: 10 kinds of clothing, 28x28 grey, 60,000 + 10,000 images"),
    "svhn": _through_torchvision("SVHN: house numbers from street photographs, 32x32 RGB, 73,257 + 26,032 images"),
    "image_folder": DataSet(
        summary="your own pictures in root/train/<class>/ and root/test/<class>/, resized to image_size",
        fields=("image_size",),
        describe=image_folder.describe,
        digest=image_folder.digest,
        load="ablate.data.image_folder:load",
        fetch=None,
    ),
}
