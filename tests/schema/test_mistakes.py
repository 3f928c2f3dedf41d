"""What is wrong, and where it stands."""

from typing import Any

import pytest

from ablate.schema import StudyFile
from ablate.schema.mistakes import dotted, said_of
from ablate.schema.stored import ExecutionEntry

SMALLEST: dict[str, Any] = {
    "name": "a_study-1",
    "model": {"preset": "mini_xception"},
    "data": {"name": "small_objects"},
    "train": {"epochs": 1},
    "seeds": 1,
}
CLAIM: dict[str, Any] = {"id": "c", "source": "s", "statement": "t"}
DIFFERENCE: dict[str, Any] = {"better": {"f": 1}, "than": {"f": 2}, "metric": "accuracy", "published_difference": 0.1}


def test_the_first_mistake_is_said_with_its_place_in_the_whole_file() -> None:
    wrong = {"device": "cpu", "workers": 0, "threads": "1"}
    assert said_of(ExecutionEntry, wrong, ("machine", 2)) == (
        "machine[2].workers: expected a number of at least 1, not 0"
    )
    assert said_of(ExecutionEntry, [], ()) == "expected a mapping of keys to values, not []"
    assert said_of(ExecutionEntry, {"device": "cpu", "workers": 1, "threads": 1}) == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        (("a", 0, "b.c"), "a[0].b.c"),
        (("a\nb",), "'a\\nb'"),
        (("x" * 61, "b"), "x" * 57 + "....b"),
    ],
)
def test_paths_are_one_line_that_can_be_read(path: tuple[str | int, ...], expected: str) -> None:
    assert dotted(path) == expected


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (
            {**CLAIM, "count": {"system": "a", "quantity": "b", "published": 1}, "better": 1},
            "claims[0].better: unknown key 'better'; choices: count, id, note, published_under, readings, source, stat",
        ),
        (
            {**CLAIM, **DIFFERENCE, "count": {"system": "a", "quantity": "b", "published": 1, "foo": 1}},
            "claims[0].count.foo: unknown key 'foo'; choices: over, published, quantity, system, tolerance",
        ),
        (
            {**CLAIM, **DIFFERENCE, "foo": 1},
            "claims[0].foo: unknown key 'foo'; choices: better, id, metric, published_difference, published_under, ",
        ),
    ],
)
def test_a_wrong_key_of_a_claim_is_compared_with_those_of_its_kind(claim: dict[str, Any], expected: str) -> None:
    """A claim of two kinds at once is of one, and has keys too many."""
    assert said_of(StudyFile, {**SMALLEST, "claims": [claim]}).startswith(expected)
