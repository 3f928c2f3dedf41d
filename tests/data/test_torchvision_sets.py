import gzip
import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import datasets

from ablate.data import DATASETS, published, torchvision_sets
from ablate.errors import DataError
from ablate.schema import DataConfig

CLASSES = {
    "cifar10": datasets.CIFAR10,
    "cifar100": datasets.CIFAR100,
    "mnist": datasets.MNIST,
    "fashion_mnist": datasets.FashionMNIST,
}
COUNTS = {"train": 7, "test": 4}


def few_images(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    facts = replace(published.PUBLISHED[name], train_images=COUNTS["train"], test_images=COUNTS["test"])
    monkeypatch.setitem(published.PUBLISHED, name, facts)


def write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def fake_idx(root: Path, name: str, _: pytest.MonkeyPatch) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    written = {}
    for split, prefix in {"train": "train", "test": "t10k"}.items():
        rng = np.random.default_rng(COUNTS[split])
        images, labels = rng.integers(0, 256, (COUNTS[split], 28, 28)), rng.integers(0, 10, COUNTS[split])
        folder = root / CLASSES[name].__name__ / "raw"
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
        written[split] = (images[:, None], labels)
    return written


def fake_cifar100(root: Path, _: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    folder, written = root / "cifar-100-python", {}
    folder.mkdir()
    for split in ("train", "test"):
        rng = np.random.default_rng(COUNTS[split])
        images, labels = rng.integers(0, 256, (COUNTS[split], 3, 32, 32)), rng.integers(0, 100, COUNTS[split])
        batch = {"data": images.reshape(-1, 3072).astype(np.uint8), "fine_labels": labels.tolist()}
        (folder / split).write_bytes(pickle.dumps(batch))
        written[split] = (images, labels)
        monkeypatch.setattr(datasets.CIFAR100, f"{split}_list", [[split, None]])
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(label) for label in range(100)]}))
    monkeypatch.setattr(datasets.CIFAR100, "meta", {**datasets.CIFAR100.meta, "md5": None})
    return written


def fake_svhn(root: Path, _: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    written = {}
    for split in ("train", "test"):
        rng = np.random.default_rng(COUNTS[split])
        images, labels = rng.integers(0, 256, (COUNTS[split], 3, 32, 32)), np.arange(COUNTS[split])
        stored = np.where(labels == 0, 10, labels)[:, None]  # the published files call the digit zero 10
        scipy.io.savemat(root / f"{split}_32x32.mat", {"X": images.transpose(2, 3, 1, 0).astype(np.uint8), "y": stored})
        written[split] = (images, labels)
        url, filename, _md5 = datasets.SVHN.split_list[split]
        monkeypatch.setitem(datasets.SVHN.split_list, split, [url, filename, None])
    return written


Fake = Callable[[Path, str, pytest.MonkeyPatch], dict[str, tuple[np.ndarray, np.ndarray]]]
FAKES: dict[str, Fake] = {
    "mnist": fake_idx,
    "fashion_mnist": fake_idx,
    "cifar100": fake_cifar100,
    "svhn": fake_svhn,
}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", FAKES)
def test_a_split_is_read_as_it_was_written(
    name: str, split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_images(monkeypatch, name)
    images, labels = FAKES[name](tmp_path, name, monkeypatch)[split]
    read = torchvision_sets.load(DataConfig(name=name, root=tmp_path), split)
    np.testing.assert_array_equal(read.images, images)
    np.testing.assert_array_equal(read.labels, labels)
    assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int64)
    assert read.images.flags.c_contiguous


@pytest.mark.parametrize("name", FAKES)
def test_the_digest_is_that_of_the_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FAKES[name](tmp_path, name, monkeypatch)
    config = DataConfig(name=name, root=tmp_path)
    before = DATASETS[name].digest(config)
    assert before == DATASETS[name].digest(config)
    changed = tmp_path / published.PUBLISHED[name].folder / published.PUBLISHED[name].files[0]
    changed.write_bytes(changed.read_bytes() + b"\0")
    assert DATASETS[name].digest(config) != before


@pytest.mark.parametrize("name", published.PUBLISHED)
def test_an_absent_set_says_what_to_download_to_where(name: str, tmp_path: Path) -> None:
    for ask in (DATASETS[name].digest, lambda config: torchvision_sets.load(config, "train")):
        with pytest.raises(DataError) as caught:
            ask(DataConfig(name=name, root=tmp_path))
        message = str(caught.value)
        assert all(source in message for source in published.PUBLISHED[name].sources)
        assert str(tmp_path) in message
        assert "data.root" in message
        assert "ABLATE_DATA" in message
        assert "\n" not in message


@pytest.mark.parametrize("name", published.PUBLISHED)
def test_without_a_network_fetching_gives_that_same_advice(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    config = DataConfig(name=name, root=tmp_path)
    with pytest.raises(DataError, match=f"{name} could not be downloaded .*no route to host") as caught:
        torchvision_sets.fetch(config)
    assert published.how_to_get(config) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert socket.getdefaulttimeout() is None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which a server on this machine gives it out."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_fetching_downloads_what_is_then_read(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_images(monkeypatch, "mnist")
    folder, address = served
    written = fake_idx(tmp_path, "mnist", monkeypatch)
    for raw in (tmp_path / "MNIST" / "raw").iterdir():
        (folder / f"{raw.name}.gz").write_bytes(gzip.compress(raw.read_bytes()))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.MNIST, "resources", [(path.name, None) for path in folder.iterdir()])
    config = DataConfig(name="mnist", root=tmp_path / "data")
    torchvision_sets.fetch(config)
    np.testing.assert_array_equal(torchvision_sets.load(config, "test").labels, written["test"][1])


def test_a_set_with_too_few_images_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_idx(tmp_path, "mnist", monkeypatch)
    with pytest.raises(DataError, match=r"damaged .*test split has 4 images and 4 labels instead of 10000.*delete"):
        torchvision_sets.load(DataConfig(name="mnist", root=tmp_path), "test")


def test_a_truncated_file_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_idx(tmp_path, "mnist", monkeypatch)
    images = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"mnist in .* is damaged"):
        torchvision_sets.load(DataConfig(name="mnist", root=tmp_path), "test")


def test_files_with_another_md5_are_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in published.PUBLISHED["cifar10"].files:
        (folder / name).write_bytes(b"not a batch")
    with pytest.raises(DataError, match=r"cifar10 in .* is damaged .*corrupted"):
        torchvision_sets.load(DataConfig(name="cifar10", root=tmp_path), "train")


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_pickle_is_never_loaded_unless_it_is_the_published_one(tmp_path: Path, name: str, split: str) -> None:
    sprung = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()
    sprung.unlink()
    folder = tmp_path / published.PUBLISHED[name].folder
    folder.mkdir()
    for file in published.PUBLISHED[name].files:
        (folder / file).write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(DataError, match=rf"{name} in .* is damaged .*corrupted"):
        torchvision_sets.load(DataConfig(name=name, root=tmp_path), split)
    assert not sprung.exists()


def test_labels_that_no_class_has_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few_images(monkeypatch, "mnist")
    fake_idx(tmp_path, "mnist", monkeypatch)
    labels = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(DataError, match=r"mnist in .* is damaged \(its test split has labels outside 0 to 9\); delete"):
        torchvision_sets.load(DataConfig(name="mnist", root=tmp_path), "test")


def test_images_of_another_size_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few_images(monkeypatch, "mnist")
    fake_idx(tmp_path, "mnist", monkeypatch)
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte", np.zeros((COUNTS["test"], 14, 56)))
    with pytest.raises(DataError, match=r"images of shape \(1, 14, 56\) and type uint8 instead of \(1, 28, 28\)"):
        torchvision_sets.load(DataConfig(name="mnist", root=tmp_path), "test")


def test_damage_of_any_kind_is_noticed_or_leaves_images_and_labels_as_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MNIST's files have no digest that torchvision would look at."""
    few_images(monkeypatch, "mnist")
    fake_idx(tmp_path, "mnist", monkeypatch)
    files = sorted((tmp_path / "MNIST" / "raw").glob("t10k-*"))
    whole = {path: path.read_bytes() for path in files}
    places = st.tuples(st.sampled_from(files), st.integers(0, 30), st.binary(max_size=4), st.integers(0, 4))

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.lists(places, min_size=1, max_size=3))
    def check(changes: list[tuple[Path, int, bytes, int]]) -> None:
        damaged = dict(whole)
        for path, start, inserted, cut in changes:
            damaged[path] = damaged[path][:start] + inserted + damaged[path][start + cut :]
        for path, content in damaged.items():
            path.write_bytes(content)
        with suppress(DataError):
            read = torchvision_sets.load(DataConfig(name="mnist", root=tmp_path), "test")
            assert (read.images.shape, read.images.dtype) == ((COUNTS["test"], 1, 28, 28), np.uint8)
            assert ((read.labels >= 0) & (read.labels < 10)).all()

    check()


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_facts_of_cifar_agree_with_torchvision(name: str) -> None:
    facts, source = published.PUBLISHED[name], CLASSES[name]
    assert facts.sources == (source.url,)
    assert facts.folder == source.base_folder
    assert set(facts.files) == {row[0] for row in source.train_list + source.test_list} | {source.meta["filename"]}


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_facts_of_idx_sets_agree_with_torchvision(name: str) -> None:
    facts, source = published.PUBLISHED[name], CLASSES[name]
    assert facts.sources == tuple(source.mirrors[0] + row[0] for row in source.resources)
    assert facts.files == tuple(row[0].removesuffix(".gz") for row in source.resources)
    assert facts.classes == len(source.classes)
    assert facts.folder == f"{source.__name__}/raw"


def test_facts_of_svhn_agree_with_torchvision() -> None:
    facts, rows = published.PUBLISHED["svhn"], datasets.SVHN.split_list
    assert facts.sources == (rows["train"][0], rows["test"][0])
    assert facts.files == (rows["train"][1], rows["test"][1])


def test_tables_agree_on_the_names() -> None:
    assert set(published.PUBLISHED) == set(torchvision_sets.READERS) == set(torchvision_sets.DOWNLOADERS)


def real_cifar10() -> bool:
    root = os.environ.get("ABLATE_DATA")
    return root is not None and (Path(root) / "cifar-10-batches-py" / "data_batch_1").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not real_cifar10(), reason="needs CIFAR-10 below ABLATE_DATA")
def test_real_cifar10_has_its_published_statistics() -> None:
    train, test = (torchvision_sets.load(DataConfig(name="cifar10"), split) for split in ("train", "test"))
    assert train.images.shape == (50_000, 3, 32, 32)
    assert test.images.shape == (10_000, 3, 32, 32)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    np.testing.assert_allclose(train.images.mean((0, 2, 3)) / 255, [0.49140, 0.48216, 0.44653], atol=1e-5)
    np.testing.assert_allclose(train.images.std((0, 2, 3)) / 255, [0.24703, 0.24349, 0.26159], atol=1e-5)
    assert test.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
