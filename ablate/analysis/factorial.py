"""What a combination of variants stands for: a pair, a difference averaged over other factors, a difference of two.

All of them are linear: variant -> weight, weights that add up to zero. Where every cell of a grid has every seed, these
are the estimates of the linear model with one effect a seed (Montgomery 2017, Design and Analysis of Experiments,
chapter 5), so a difference means the same whether or not other factors vary beside it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Levels = Mapping[str, str]
"""Factor column -> level name."""

Cells = Sequence[tuple[str, Levels]]
"""Variants, each with its level of every factor; one that stands at several combinations of levels comes with each."""

Term = tuple[str, int]
"""A variant, and what its value is multiplied by."""

Weights = Mapping[str, Fraction]
"""Variant -> what its value is multiplied by; fractions, so that equal sums are equal and counts stay whole."""


@dataclass(frozen=True)
class Contrast:
    """What is compared with what, as the tables name both sides, and the variants that this is made of."""

    variant: str
    baseline: str
    weights: Weights


def pair(variant: str, baseline: str) -> Contrast:
    """One variant minus another."""
    return Contrast(variant, baseline, {variant: Fraction(1), baseline: Fraction(-1)})


def difference(cells: Cells, better: Levels, than: Levels) -> Weights:
    """Every variant that has `better`, minus the one that has `than` and all its other levels, averaged.

    A variant without such a partner is left out; empty where none has one.
    """
    pairs = [(cells[at][0], cells[partner][0]) for at, partner in _matched(cells, better, than).items()]
    return _average([(variant, 1), (other, -1)] for variant, other in pairs if variant != other)


def interaction(cells: Cells, better: Levels, than: Levels, more_at: Levels, than_at: Levels) -> Weights:
    """The difference `better` minus `than` at `more_at`, minus the same difference at `than_at`, averaged.

    `more_at` and `than_at` are about other factors than `better` and `than`. Of the remaining factors, levels at which
    one of the four variants is absent are left out; empty where nothing is left.
    """
    across = _matched(cells, more_at, than_at)
    corners = [
        (at, partner, across[at], across[partner])
        for at, partner in _matched(cells, {**better, **more_at}, than).items()
        if at in across and partner in across
    ]
    return _average(zip((cells[at][0] for at in corner), (1, -1, -1, 1), strict=True) for corner in corners)


def main_effects(cells: Cells, tested: Sequence[str], conditions: Sequence[str], baseline: Levels) -> list[Contrast]:
    """Every level of every factor in `tested` minus its level in `baseline`, averaged over the other tested factors.

    Under `conditions` (columns of factors too) there is one for each of their combinations, and none crosses them. Both
    sides are named `column=level`, with the conditions before it: `object_size=6,segments=1`.
    """
    under = list(dict.fromkeys(tuple((column, cell[column]) for column in conditions) for _, cell in cells))
    return [
        Contrast(
            _name({**dict(condition), column: level}),
            _name({**dict(condition), column: baseline[column]}),
            difference(cells, {**dict(condition), column: level}, {column: baseline[column]}),
        )
        for condition in under
        for column in tested
        for level in dict.fromkeys(cell[column] for _, cell in cells)
        if level != baseline[column]
    ]


def _matched(cells: Cells, better: Levels, than: Levels) -> dict[int, int]:
    """Place of every cell that has `better` -> place of the one that has `than` and all its other levels."""
    place = {frozenset(levels.items()): at for at, (_, levels) in enumerate(cells)}
    wanted = {
        at: frozenset({**levels, **than}.items())
        for at, (_, levels) in enumerate(cells)
        if better.items() <= levels.items()
    }
    return {at: place[levels] for at, levels in wanted.items() if levels in place and place[levels] != at}


def _average(rows: Iterable[Iterable[Term]]) -> Weights:
    """The mean of sums of terms; a variant may come several times in one."""
    sums, count = Counter[str](), 0
    for row in rows:
        count += 1
        for variant, weight in row:
            sums[variant] += weight
    return {variant: Fraction(total, count) for variant, total in sums.items() if total}


def _name(levels: Levels) -> str:
    return ",".join(f"{column}={level}" for column, level in levels.items())
