"""Verdicts on printed numbers."""

from typing import Any

import pytest

from ablate.analysis.counting import agrees, judge, plain
from ablate.schema import CountClaim, claim_from_json

COUNTED: dict[str, dict[str, float | None]] = {
    "net": {"params": 23_800_000, "top1": None},
    "small": {"params": 4_200_000, "top1": 0.706},
    "empty": {"params": 0},
}


def claim(published: float, *readings: dict[str, Any], **count: Any) -> CountClaim:
    stated = {"system": "net", "quantity": "params", "tolerance": 0.01, "published": published, **count}
    made = claim_from_json(
        {"id": "c", "source": "a paper", "statement": "so it is", "count": stated, "readings": list(readings)}
    )
    assert isinstance(made, CountClaim)
    return made


SMALL = {"system": "small", "quantity": "params"}
CITED = {"cited": 28_000_000, "source": "another paper"}


@pytest.mark.parametrize(
    ("published", "readings", "verdict"),
    [
        (23_800_000, [], "matches"),
        (28_000_000, [], "differs"),
        (23_800_000, [SMALL], "ambiguous"),
        (4_200_000, [SMALL], "ambiguous"),
        (28_000_000, [SMALL], "differs"),
        (28_000_000, [SMALL, CITED], "ambiguous"),
        (23_800_000, [{"cited": 23_700_000, "source": "another paper"}], "matches"),
    ],
)
def test_all_meanings_agree_or_none_or_some(published: float, readings: list[dict[str, Any]], verdict: str) -> None:
    assert judge(claim(published, *readings), COUNTED).verdict == verdict


def test_the_edge_of_the_tolerance_belongs_to_it() -> None:
    assert judge(claim(100, tolerance=0.05), {"net": {"params": 105}}).verdict == "matches"
    assert judge(claim(100, tolerance=0.05), {"net": {"params": 95}}).verdict == "matches"
    assert judge(claim(100, tolerance=0.05), {"net": {"params": 105.01}}).verdict == "differs"
    assert judge(claim(100, tolerance=0), {"net": {"params": 100}}).verdict == "matches"
    assert judge(claim(100, tolerance=0), {"net": {"params": 101}}).verdict == "differs"


def test_the_tolerance_is_a_share_of_the_printed_number() -> None:
    assert agrees(90, published=100, tolerance=0.1)
    assert not agrees(100, published=90, tolerance=0.1)


def test_nothing_but_nothing_agrees_with_a_printed_0() -> None:
    assert judge(claim(0, tolerance=0.5), {"net": {"params": 0}}).verdict == "matches"
    judged = judge(claim(0, tolerance=0.5), {"net": {"params": 22}})
    assert (judged.verdict, judged.reason) == ("differs", "params of net: 22 (not 0)")


def test_the_reason_states_every_meaning_with_its_deviation() -> None:
    ratio = {"system": "small", "quantity": "params", "over": "net"}
    judged = judge(claim(28_000_000, SMALL, CITED, ratio), COUNTED)
    assert judged.reason == (
        "params of net: 23,800,000 (-15 %); params of small: 4,200,000 (-85 %); another paper: 28,000,000 (exactly); "
        "params of small over net: 0.1765 (-100 %)"
    )
    assert judged.measured == 23_800_000


def test_the_note_ends_the_reason() -> None:
    noted = claim(23_700_000).model_copy(update={"note": "Without heads."})
    assert judge(noted, COUNTED).reason == "params of net: 23,800,000 (+0.42 %). Without heads."


def test_a_ratio_is_of_the_same_quantity() -> None:
    judged = judge(claim(5.667, over="small", tolerance=0.001), COUNTED)
    assert judged.verdict == "matches"
    assert judged.measured == pytest.approx(23.8 / 4.2)
    assert "params of net over small: 5.667" in judged.reason


def test_a_meaning_without_a_number_has_no_say() -> None:
    top1 = claim(0.706, {"system": "small", "quantity": "top1"}, quantity="top1")
    judged = judge(top1, COUNTED)
    assert (judged.verdict, judged.measured) == ("matches", None)
    assert judged.reason == "top1 of net has no number; top1 of small: 0.706 (exactly)"


@pytest.mark.parametrize("count", [{"quantity": "top1"}, {"over": "empty"}])
def test_without_any_number_nothing_is_tested(count: dict[str, Any]) -> None:
    judged = judge(claim(0.79, **count), COUNTED)
    assert (judged.verdict, judged.measured) == ("not tested", None)
    assert "has no number" in judged.reason


@pytest.mark.parametrize(
    ("value", "text"), [(22855952, "22,855,952"), (5.5e9, "5,500,000,000"), (1.46282, "1.463"), (0.0, "0"), (7, "7")]
)
def test_whole_numbers_keep_all_their_digits(value: float, text: str) -> None:
    assert plain(value) == text
