"""What becomes of a printed number once its meanings are counted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ablate.schema import Count, CountClaim, Reading

CountVerdict = Literal["matches", "differs", "ambiguous", "not tested"]

# System -> quantity -> its number, None where the system has no such number.
Counted = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Meaning:
    """One meaning of a printed number: in words, and the number it gives."""

    label: str
    value: float | None


@dataclass(frozen=True)
class Judgement:
    """`measured` is what the claim's own count gives, None where that has no number; `reason` is one line of text."""

    verdict: CountVerdict
    measured: float | None
    reason: str


def judge(claim: CountClaim, counted: Counted) -> Judgement:
    """The verdict of a count claim: `matches` if every meaning of its number agrees with it within the claim's
    tolerance, `differs` if none does, `ambiguous` if some do. Meanings without a number have no say; where all are
    without, the claim is `not tested`."""
    meanings = meanings_of(claim, counted)
    published, tolerance = claim.count.published, claim.count.tolerance
    agree = [agrees(meaning.value, published, tolerance) for meaning in meanings if meaning.value is not None]
    parts = [_told(meaning, published) for meaning in meanings]
    reason = "; ".join(parts) + (f". {claim.note}" if claim.note else "")
    return Judgement(_verdict(agree), meanings[0].value, reason)


def meanings_of(claim: CountClaim, counted: Counted) -> list[Meaning]:
    """The claim's own count, then its other readings."""
    return [_meaning(each, counted) for each in counts_of(claim)]


def counts_of(claim: CountClaim) -> list[Count | Reading]:
    """What `claim` has counted or cited, its own count first."""
    return [claim.count, *claim.readings]


def agrees(value: float, published: float, tolerance: float) -> bool:
    """Whether `value` lies within `tolerance`, a share of `published`, of it; the edge belongs to it."""
    allowed = tolerance * abs(published)
    return math.isclose(value, published, rel_tol=1e-9) or abs(value - published) <= allowed * (1 + 1e-9)


def plain(value: float) -> str:
    """A whole number with all its digits, any other one with four that count."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _verdict(agree: list[bool]) -> CountVerdict:
    if not agree:
        return "not tested"
    if all(agree):
        return "matches"
    return "ambiguous" if any(agree) else "differs"


def _meaning(stated: Count | Reading, counted: Counted) -> Meaning:
    if isinstance(stated, Reading) and stated.cited is not None:
        return Meaning(f"{stated.source}", stated.cited)
    assert stated.system is not None
    assert stated.quantity is not None
    value = counted[stated.system][stated.quantity]
    if stated.over is None:
        return Meaning(f"{stated.quantity} of {stated.system}", value)
    below = counted[stated.over][stated.quantity]
    label = f"{stated.quantity} of {stated.system} over {stated.over}"
    return Meaning(label, value / below if value is not None and below else None)


def _told(meaning: Meaning, published: float) -> str:
    if meaning.value is None:
        return f"{meaning.label} has no number"
    return f"{meaning.label}: {plain(meaning.value)} ({_deviation(meaning.value, published)})"


def _deviation(value: float, published: float) -> str:
    if math.isclose(value, published, rel_tol=1e-9):
        return "exactly"
    if published == 0:
        return "not 0"
    percent = 100 * (value / published - 1)
    if abs(percent) < 0.01:
        return "less than 0.01 % off"
    return f"{percent:+,.{2 if abs(percent) < 10 else 0}f} %"
