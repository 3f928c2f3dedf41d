"""What a combination of variants stands for: a pair, a difference averaged over other factors, a difference of two.

All of them are linear: variant -> weight, weights that add up to zero. Where every cell of a grid has every seed, these
are the estimates of the linear model with one effect a seed (Montgomery 2017, Design and Analysis of Experiments,
chapter 5), so a difference means the same whether or not other factors vary beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Levels = Mapping[str, str]
"""Factor column -> level name."""

Cells = Mapping[str, Levels]
"""Variant -> its level of every factor."""

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
    return _average({cell: 1, partner: -1} for cell, partner in _matched(cells, better, than))


def interaction(cells: Cells, better: Levels, than: Levels, more_at: Levels, than_at: Levels) -> Weights:
    """The difference `better` minus `than` at `more_at`, minus the same difference at `than_at`, averaged.

    `more_at` and `than_at` are about other factors than `better` and `than`. Of the remaining factors, levels at which
    one of the four variants is absent are left out; empty where nothing is left.
    """
    upper = _matched(cells, {**better, **more_at}, than)
    partner_at = dict(_matched(cells, more_at, than_at))
    return _average(
        {cell: 1, partner: -1, partner_at[cell]: -1, partner_at[partner]: 1}
        for cell, partner in upper
        if cell in partner_at and partner in partner_at
    )


def main_effects(cells: Cells, tested: Sequence[str], conditions: Sequence[str], baseline: Levels) -> list[Contrast]:
    """Every level of every factor in `tested` minus its level in `baseline`, averaged over the other tested factors.

    Under `conditions` (columns of factors too) there is one for each of their combinations, and none crosses them. Both
    sides are named `column=level`, with the conditions before it: `object_size=6,segments=1`.
    """
    under = list(dict.fromkeys(tuple((column, cell[column]) for column in conditions) for cell in cells.values()))
    return [
        Contrast(
            _name({**dict(condition), column: level}),
            _name({**dict(condition), column: baseline[column]}),
            difference(cells, {**dict(condition), column: level}, {column: baseline[column]}),
        )
        for condition in under
        for column in tested
        for level in dict.fromkeys(cell[column] for cell in cells.values())
        if level != baseline[column]
    ]


def _matched(cells: Cells, better: Levels, than: Levels) -> list[tuple[str, str]]:
    """Every variant that has `better`, with the one that has `than` and all its other levels."""
    variant_at = {frozenset(levels.items()): variant for variant, levels in cells.items()}
    matching = [variant for variant, levels in cells.items() if better.items() <= levels.items()]
    partners = [(variant, variant_at.get(frozenset({**cells[variant], **than}.items()))) for variant in matching]
    return [(variant, partner) for variant, partner in partners if partner is not None and partner != variant]


def _average(terms: Iterable[Mapping[str, int]]) -> Weights:
    rows = list(terms)
    variants = dict.fromkeys(variant for row in rows for variant in row)
    sums = {variant: sum(row[variant] for row in rows if variant in row) for variant in variants}
    return {variant: Fraction(total, len(rows)) for variant, total in sums.items() if total}


def _name(levels: Levels) -> str:
    return ",".join(f"{column}={level}" for column, level in levels.items())
