"""The widths at which a preset is another network each: channel counts are rounded, so there are few. Free of torch."""

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from ablate.models.presets import Conv, Row, Separable
from ablate.models.resolve import PRESETS
from ablate.models.spec import ModelSpec

FEWEST_DIGITS, MOST_DIGITS = 2, 12


def distinct_widths(spec: ModelSpec, low: float, high: float) -> list[ModelSpec]:
    """Every network that `spec` can be at a width from `low` to `high`, each once, the narrowest first.

    Where the width of `spec` makes a network it stands for it, else the decimal with the fewest digits.
    """
    counts = _channel_counts(spec)
    steps = sorted({edge for count in counts for edge in _edges(count, spec.channel_multiple, low, high)})
    edges = [Fraction(low), *steps, Fraction(high)]
    found = [replace(spec, width=_decimal_between(*ends)) for ends in pairwise(edges) if ends[0] < ends[1]]
    return [spec if _channels(each, counts) == _channels(spec, counts) else each for each in found]


def _channels(spec: ModelSpec, counts: set[int]) -> list[int]:
    return [spec.channels(count) for count in counts]


def narrowest(spec: ModelSpec) -> float:
    """The width below which `spec` is one network: every layer has one multiple of channels."""
    return 3 * spec.channel_multiple / (2 * max(_channel_counts(spec)))


def _channel_counts(spec: ModelSpec) -> set[int]:
    """The channel counts of the preset at width 1."""
    return {count for row in PRESETS[spec.preset].rows for count in _counts_in(row)}


def _counts_in(row: Row) -> tuple[int, ...]:
    return (row.channels,) if isinstance(row, Conv | Separable) else row.channels


def _edges(count: int, multiple: int, low: float, high: float) -> Iterator[Fraction]:
    """The widths between which `count` channels round to one multiple; below the second all round to the first."""
    for number in range(max(1, math.floor(count * low / multiple)), math.ceil(count * high / multiple) + 1):
        edge = Fraction((2 * number + 1) * multiple, 2 * count)
        if low < edge < high:
            yield edge


def _decimal_between(low: Fraction, high: Fraction) -> float:
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        candidate = Fraction(math.floor(low * 10**digits) + 1, 10**digits)
        if candidate < high:
            return float(candidate)
    return float((low + high) / 2)
