"""Counter-based streams: fixed for ever, apart from each other, and of the right distribution."""

import hashlib

import numpy as np
import pytest
from scipy.stats import kstest

from ablate.randomness import normal, permutation, seed_of, uniform, words


def philox(name: str) -> np.random.Philox:
    """The stream of a name, from its definition: the first 16 bytes of the name's sha256 are Philox's key."""
    return np.random.Philox(key=int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big"))


def test_words_are_those_of_the_documented_stream() -> None:
    np.testing.assert_array_equal(words(5, "order", 3, "a"), philox("order\0int:3\0str:a").random_raw(5))


def test_words_never_change() -> None:
    assert words(3, "golden", 1, "x").tolist() == [14455358454386813839, 12971375978074740971, 14511588576887697264]
    assert seed_of("golden", 1) == 4882058549372645683
    assert permutation(8, "golden", 1).tolist() == [5, 0, 1, 7, 6, 2, 3, 4]


def test_a_longer_draw_begins_with_the_shorter() -> None:
    np.testing.assert_array_equal(words(1000, "p", 1)[:10], words(10, "p", 1))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("order", 1), ("order", 2)),
        (("order", 1), ("other", 1)),
        (("order", 1, 2), ("order", 12)),
        (("order", 1, 2), ("order", 2, 1)),
        (("order", "1"), ("order", 1)),
        (("order", "a", "b"), ("order", "ab")),
    ],
)
def test_every_name_is_a_stream_of_its_own(first: tuple[str, int], second: tuple[str, int]) -> None:
    assert not np.intersect1d(words(1000, *first), words(1000, *second)).size


def test_normal_numbers_are_standard_normal() -> None:
    drawn = normal(100_000, "test", 0)
    assert drawn.dtype == np.float32
    assert kstest(drawn, "norm").pvalue > 0.001
    np.testing.assert_array_equal(drawn[:9], normal(9, "test", 0))


def test_uniform_numbers_are_uniform_and_begin_the_same_in_a_longer_draw() -> None:
    drawn = uniform(5000, "test", 0)
    assert 0 <= drawn.min() < drawn.max() < 1
    assert kstest(drawn, "uniform").pvalue > 0.001
    np.testing.assert_array_equal(drawn[:9], uniform(9, "test", 0))
    np.testing.assert_array_equal(drawn[:3], [float(word >> 11) / 2**53 for word in words(3, "test", 0).tolist()])


def test_a_permutation_has_everyone_once() -> None:
    order = permutation(1000, "order", 0, 1)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(1000))
    assert order.tolist() != permutation(1000, "order", 0, 2).tolist()
    # Where sorting the stream's words puts them.
    drawn = words(1000, "order", 0, 1)
    assert order.tolist() == sorted(range(1000), key=lambda index: drawn[index])


def test_every_place_is_as_likely() -> None:
    firsts = [int(permutation(5, "order", seed)[0]) for seed in range(2000)]
    counts = np.bincount(firsts, minlength=5)
    assert abs(counts - 400).max() < 4 * np.sqrt(2000 * 0.2 * 0.8)


def test_an_empty_permutation_is_empty() -> None:
    assert permutation(0, "order").tolist() == []


def test_a_seed_fits_a_signed_64_bit_integer() -> None:
    seeds = [seed_of("dropout", seed, step) for seed in range(20) for step in range(20)]
    assert len(set(seeds)) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62
