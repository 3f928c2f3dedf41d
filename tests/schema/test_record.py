"""What a record may hold, field by field."""

import base64
from typing import Any

import numpy as np
import pytest

from ablate.records import pack_bits
from ablate.schema import SectionError, validated
from ablate.schema.mistakes import said_of
from ablate.schema.record import CURVE_FIELDS, TRIAL_METRICS, RecordSection

KEY = "0123456789abcdef" * 4
METRICS = {"accuracy": 0.625, "test_loss": 1.25, "train_seconds": 10.0, "train_images_per_second": 100.0}
POINT = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.5, "learning_rate": 0.1}


def record(**changes: Any) -> dict[str, Any]:
    """Eight test images, of which five were told right: 1011 0101."""
    fields: dict[str, Any] = {
        "key": KEY,
        "seed": 3,
        "state": "complete",
        "metrics": METRICS,
        "steps": 200,
        "curve": [POINT],
        "correct": base64.b64encode(b"\xb5").decode(),
        "test_images": 8,
        "attempts": 2,
        "environment": "e1",
    }
    return {**fields, **changes}


def metric(name: str, value: Any, **changes: Any) -> dict[str, Any]:
    return record(metrics={**METRICS, name: value}, **changes)


def point(**changes: Any) -> dict[str, Any]:
    return record(curve=[{**POINT, **changes}])


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def said(data: Any) -> str:
    return said_of(RecordSection, data)


@pytest.mark.parametrize(
    "data",
    [
        record(),
        without(without(record(), "attempts"), "environment"),
        metric("test_loss", 0),
        metric("test_loss", None, state="diverged"),
        record(metrics={**dict.fromkeys(METRICS), "accuracy": 0.625}, state="diverged"),
        record(state="diverged"),
        record(curve=[]),
        point(train_loss=None, train_accuracy=None),
        point(validation_loss=1.5),
        point(validation_loss=None),
        record(curve=[POINT, {**POINT, "epoch": 2}, {**POINT, "epoch": 4}]),
        record(steps=0, seed=0),
    ],
)
def test_what_a_trial_can_leave_is_a_record(data: dict[str, Any]) -> None:
    assert said(data) == ""


MISTAKES: list[tuple[Any, str]] = [
    ([], "expected a mapping of keys to values, not []"),
    (3, "expected a mapping of keys to values, not 3"),
    ({}, "key: the key 'key' is missing"),
    *((without(record(), name), f"{name}: the key '{name}' is missing") for name in ("seed", "metrics", "correct")),
    (record(loss=3), "loss: unknown key 'loss'; choices: attempts, correct, curve, environment, key, metrics, "),
    (record(key="k" * 64), f"key: expected 64 hexadecimal digits, not '{'k' * 56}..."),
    (record(key=KEY.upper()), "key: expected 64 hexadecimal digits"),
    (record(key=KEY + "\n"), "key: expected 64 hexadecimal digits"),
    (record(key="../../" + KEY[6:]), "key: expected 64 hexadecimal digits"),
    (record(key=3), "key: expected text, not 3"),
    (record(seed=-1), "seed: expected a number of at least 0, not -1"),
    (record(seed=True), "seed: expected a whole number, not true"),
    (record(seed="3"), "seed: expected a whole number, not '3'"),
    (record(seed=3.0), "seed: expected a whole number, not 3.0"),
    (record(state="failed"), "state: unknown value 'failed'; choices: complete, diverged"),
    (record(steps=-1), "steps: expected a number of at least 0"),
    (record(attempts=0), "attempts: expected a number of at least 1"),
    (record(environment=None), "environment: expected text, not nothing"),
    (record(test_images=0, correct=""), "test_images: expected a number of at least 1, not 0"),
    (record(metrics=[]), "metrics: expected a mapping of keys to values, not []"),
    (record(metrics={"accuracy": 0.625}), "metrics.test_loss: the key 'test_loss' is missing"),
    (metric("top5", 0.9), "metrics.top5: unknown key 'top5'; choices: accuracy, test_loss, "),
    (metric("accuracy", None), "metrics.accuracy: expected a number, not nothing"),
    (metric("accuracy", 1.5), "metrics.accuracy: expected a number of at most 1, not 1.5"),
    (metric("accuracy", -0.1), "metrics.accuracy: expected a number of at least 0"),
    (metric("accuracy", "0.625"), "metrics.accuracy: expected a number, not '0.625'"),
    (metric("test_loss", float("nan")), "metrics.test_loss: expected a finite number, not nan"),
    (metric("test_loss", float("inf")), "metrics.test_loss: expected a finite number, not inf"),
    (metric("test_loss", 1e300), "metrics.test_loss: expected a number of at most 1e+39"),
    (metric("train_seconds", -1.0), "metrics.train_seconds: expected a number of at least 0"),
    (metric("train_seconds", True), "metrics.train_seconds: expected a number, not true"),
    (metric("test_loss", None), "the state is complete, but a metric has no number"),
    (metric("accuracy", 0.75), "accuracy is 0.75, but `correct` says that 5 of 8 test images were told right"),
    (metric("accuracy", 0.625 + 1e-8), "accuracy is 0.62500001, but `correct` says"),
    (record(curve={}), "curve: expected a list, not {}"),
    (record(curve=[3]), "curve[0]: expected a mapping of keys to values, not 3"),
    (point(loss=1.0), "curve[0].loss: unknown key 'loss'; choices: epoch, "),
    (point(epoch=0), "curve[0].epoch: expected a number of at least 1, not 0"),
    (point(epoch=1.0), "curve[0].epoch: expected a whole number"),
    (point(train_accuracy=2.0), "curve[0].train_accuracy: expected a number of at most 1"),
    (record(curve=[without(POINT, "learning_rate")]), "curve[0].learning_rate: the key 'learning_rate' is missing"),
    (record(curve=[POINT, POINT]), "the epochs of `curve` do not rise"),
]


@pytest.mark.parametrize(("data", "expected"), MISTAKES)
def test_anything_else_is_named_with_its_place(data: Any, expected: str) -> None:
    assert said(data).startswith(expected)


@pytest.mark.parametrize(
    "correct",
    ["", "tQ", "tQ= =", "tQAA", "tQA=", "tR==", "tö==", "-Q==", "tQ==\n", "tQ==tQ=="],
    ids=["none", "cut", "a blank", "three bytes", "two bytes", "spare bits", "umlaut", "sign", "line end", "twice"],
)
def test_anything_but_one_bit_an_image_in_plain_base64_is_refused(correct: str) -> None:
    expected = "`correct` is not one bit for each of 8 test images in base64, and zeros after them"
    assert said(record(correct=correct)) == expected


@pytest.mark.parametrize(
    ("packed", "images", "right", "fine"),
    [
        (b"\x80", 1, 1, True),
        (b"\xc0", 1, 1, False),
        (b"\xb2\x80", 9, 5, True),
        (b"\xb2\x81", 9, 5, False),
        (b"\xb2", 9, 4, False),
        (b"\x00\x00", 9, 0, True),
        (b"\xff" * 1250, 10_000, 10_000, True),
        (b"\xff" * 1251, 10_000, 10_000, False),
    ],
)
def test_bits_behind_the_last_image_are_zero_and_there_is_no_byte_more(
    packed: bytes, images: int, right: int, fine: bool
) -> None:
    data = metric("accuracy", right / images, correct=base64.b64encode(packed).decode(), test_images=images)
    assert ("is not one bit" not in said(data)) is fine


def test_the_accuracy_of_any_trial_is_the_share_of_its_bits() -> None:
    """numpy's mean of booleans, which is what a trial writes."""
    draw = np.random.default_rng(0)
    for images in draw.integers(1, 3000, 200):
        correct = draw.random(images) < draw.random()
        data = metric("accuracy", float(correct.mean()), correct=pack_bits(correct), test_images=int(images))
        assert said(data) == ""


def test_the_columns_of_the_tables_are_those_of_the_record() -> None:
    assert tuple(METRICS) == TRIAL_METRICS
    assert tuple(POINT) == CURVE_FIELDS


def test_every_mistake_is_found_at_once() -> None:
    with pytest.raises(SectionError) as caught:
        validated(RecordSection, metric("accuracy", 2.0, seed=-1))
    assert {detail["loc"] for detail in caught.value.details} == {("seed",), ("metrics", "accuracy")}
