import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.data import small_objects
from ablate.data.small_objects import CLEARANCE, IMAGE_SIZE, Rendered
from ablate.errors import DataError
from ablate.schema import DataConfig

DEFAULT = DataConfig(name="small_objects")


@pytest.fixture(scope="module")
def train() -> Rendered:
    return small_objects.render(DEFAULT, "train")


@pytest.fixture(scope="module")
def test() -> Rendered:
    return small_objects.render(DEFAULT, "test")


def sha256(rendered: Rendered) -> str:
    images, labels = rendered.split.images, rendered.split.labels
    return hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()


def test_the_default_set_is_the_same_bytes_everywhere(train: Rendered, test: Rendered) -> None:
    """If this fails, the generator's output changed: raise GENERATOR_VERSION, then write the new digests here."""
    assert small_objects.GENERATOR_VERSION == 1
    assert sha256(train) == "ca75e58ebea4a10c8bc353c559567d18136bee49336a53cdd260bea94896d487"
    assert sha256(test) == "85ef3ddd63641e2214ee8d07d9baabc4f58782668435a378b6d5a3b317c27330"


def test_shapes_types_and_facts(train: Rendered) -> None:
    facts = small_objects.describe(DEFAULT)
    images, labels = train.split.images, train.split.labels
    assert images.shape == (facts.train_images, facts.channels, facts.image_size, facts.image_size)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert images.flags.c_contiguous
    assert labels.shape == (facts.train_images,)


def test_classes_are_balanced(train: Rendered, test: Rendered) -> None:
    for rendered in (train, test):
        assert np.bincount(rendered.split.labels).tolist() == [500] * 10


def test_load_gives_what_was_rendered(train: Rendered) -> None:
    loaded = small_objects.load(DEFAULT, "train")
    np.testing.assert_array_equal(loaded.images, train.split.images)
    np.testing.assert_array_equal(loaded.labels, train.split.labels)


def test_splits_and_seeds_differ(train: Rendered, test: Rendered) -> None:
    other = small_objects.render(DEFAULT.model_copy(update={"seed": 1}), "train")
    assert len({sha256(train), sha256(test), sha256(other)}) == 3
    images = np.concatenate([train.split.images, test.split.images]).reshape(10_000, -1)
    assert len(np.unique(images, axis=0)) == 10_000


def test_objects_keep_clear_of_the_border(train: Rendered, test: Rendered) -> None:
    largest = small_objects.render(DEFAULT.model_copy(update={"object_size": 10.0}), "train")
    for rendered in (train, test, largest):
        assert not border(rendered.coverage).any()
        assert rendered.coverage.any((1, 2)).all()


def border(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    inner = slice(CLEARANCE, IMAGE_SIZE - CLEARANCE)
    rim = coverage.copy()
    rim[:, inner, inner] = 0
    return rim


def areas(rendered: Rendered) -> NDArray[np.float64]:
    return rendered.coverage.sum((1, 2)) / 16


def test_classes_have_equal_mean_area(train: Rendered, test: Rendered) -> None:
    area, label = np.concatenate([areas(train), areas(test)]), np.concatenate([train.split.labels, test.split.labels])
    means = np.array([area[label == one].mean() for one in range(10)])
    np.testing.assert_allclose(means / area.mean(), 1, atol=0.03)


@pytest.mark.parametrize("object_size", [4.0, 6.5, 10.0])
def test_object_size_is_the_side_of_the_mean_area(object_size: float) -> None:
    rendered = small_objects.render(DEFAULT.model_copy(update={"object_size": object_size}), "test")
    assert np.sqrt(areas(rendered).mean()) == pytest.approx(object_size, rel=0.015)


def test_noise_is_in_grey_levels(test: Rendered) -> None:
    clean = small_objects.render(DEFAULT.model_copy(update={"noise": 0.0}), "test").split
    unclipped = (clean.images > 70) & (clean.images < 185)
    noise = test.split.images[unclipped].astype(float) - clean.images[unclipped]
    assert noise.std() == pytest.approx(np.sqrt(12**2 + 1 / 12), rel=0.01)
    assert clean.labels.tolist() == test.split.labels.tolist()


@pytest.mark.slow
def test_clutter_is_a_mean_number_of_pieces() -> None:
    """Without noise, what clutter adds to an image is proportional to its number."""
    bare, some, twice = (
        small_objects.render(DEFAULT.model_copy(update={"noise": 0.0, "clutter": clutter}), "test").split.images
        for clutter in (0.0, 0.5, 1.0)
    )
    touched_by_some, touched_by_twice = ((images != bare).any(1).mean() for images in (some, twice))
    assert touched_by_some > 0
    assert touched_by_twice / touched_by_some == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("object_size", 3.9, r"data\.object_size is 3\.9, but small_objects takes 4 to 10 \(pixels"),
        ("object_size", 20.0, r"data\.object_size is 20, .* 4 to 10"),
        ("clutter", 12.5, r"data\.clutter is 12\.5, .* 0 to 12"),
        ("noise", 65.0, r"data\.noise is 65, .* 0 to 64 \(grey levels"),
    ],
)
def test_a_parameter_out_of_range_is_an_error(field: str, value: float, message: str) -> None:
    config = DEFAULT.model_copy(update={field: value})
    for ask in (small_objects.describe, small_objects.digest, lambda config: small_objects.load(config, "train")):
        with pytest.raises(DataError, match=message):
            ask(config)


def test_the_digest_follows_what_changes_the_bytes() -> None:
    changes = [{"seed": 1}, {"object_size": 7.0}, {"clutter": 1.0}, {"noise": 1.0}]
    digests = {small_objects.digest(DEFAULT.model_copy(update=change)) for change in changes}
    assert len({*digests, small_objects.digest(DEFAULT)}) == 5


def test_the_digest_ignores_what_does_not() -> None:
    stated = {name: allowed.default for name, allowed in small_objects.PARAMETERS.items()}
    assert small_objects.digest(DEFAULT.model_copy(update=stated)) == small_objects.digest(DEFAULT)
    assert small_objects.digest(DEFAULT.model_copy(update={"train_limit": 10})) == small_objects.digest(DEFAULT)


def test_the_digest_carries_the_generator_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = small_objects.digest(DEFAULT)
    monkeypatch.setattr(small_objects, "GENERATOR_VERSION", small_objects.GENERATOR_VERSION + 1)
    assert small_objects.digest(DEFAULT) != before


def linear_accuracy(
    train: NDArray[np.float64],
    train_labels: NDArray[np.int64],
    test: NDArray[np.float64],
    test_labels: NDArray[np.int64],
    ridge: float,
) -> float:
    """Test accuracy of one-against-all ridge regression on standardised features."""
    mean, deviation = train.mean(0), train.std(0) + 1e-6
    train, test = ((features - mean) / deviation for features in (train, test))
    targets = np.eye(10)[train_labels] - 0.1
    weights = np.linalg.solve(train.T @ train + ridge * len(train) * np.eye(train.shape[1]), train.T @ targets)
    return float(((test @ weights).argmax(1) == test_labels).mean())


@pytest.mark.slow
@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_pixels_alone_do_not_tell_the_class(train: Rendered, test: Rendered, ridge: float) -> None:
    pixels = [rendered.split.images.reshape(5000, -1).astype(np.float32) for rendered in (train, test)]
    assert linear_accuracy(pixels[0], train.split.labels, pixels[1], test.split.labels, ridge) < 0.40


def colours_and_area(rendered: Rendered) -> NDArray[np.float64]:
    """A joint histogram of 4 x 4 x 4 colours, one of 16 levels a channel, and the object's area; (n, 113)."""
    images = rendered.split.images.reshape(5000, 3, -1).astype(np.int64)
    joint = images[:, 0] // 64 * 16 + images[:, 1] // 64 * 4 + images[:, 2] // 64
    histograms = [counted(joint, 64), *(counted(images[:, channel] // 16, 16) for channel in range(3))]
    return np.concatenate([*histograms, areas(rendered)[:, None]], axis=1)


def counted(values: NDArray[np.int64], bins: int) -> NDArray[np.float64]:
    return np.stack([(values == one).sum(1) for one in range(bins)], axis=1).astype(float)


def test_colours_and_area_do_not_tell_the_class(train: Rendered, test: Rendered) -> None:
    features = [colours_and_area(rendered) for rendered in (train, test)]
    assert linear_accuracy(features[0], train.split.labels, features[1], test.split.labels, 0.001) < 0.15
