"""Studies that cross several factors: how much each explains, where they interact, where one at a time would mislead.

The analysis of variance is ordinary least squares with one effect a seed (a randomised complete block design;
Montgomery 2017, Design and Analysis of Experiments, chapters 4 and 5), in which every cell lends its spread to all, as
if all spread alike. They do not (a network that barely trains scatters ten times as far), so intervals and p-values of
differences are paired by seed, as those of contrasts are. A seed counts when every combination of levels has a value at
it; under two such seeds there are no numbers. Factors of a single level are left out. Rows that met different test
images do not mix: give the trials of one condition of the data at a time.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from ablate.analysis.effects import CONFIDENCE, ROUNDING, PairedEffect, half_interval, paired_effect
from ablate.analysis.grid import Grid, grid
from ablate.analysis.verdicts import Direction

ANOVA_COLUMNS = ("term", "df", "sum_sq", "f", "p_value", "partial_eta_squared", "eta_ci_low", "eta_ci_high")
INTERACTION_COLUMNS = ("first", "second", "difference", "ci_low", "ci_high", "p_value", "p_adjusted")
REVERSAL_COLUMNS = (
    *("factor", "best", "at", "lead", "lead_ci_low", "lead_ci_high"),
    *("other_best", "other_at", "other_lead", "other_lead_ci_low", "other_lead_ci_high"),
)
BEATEN_COLUMNS = ("variant", "chosen", "difference", "ci_low", "ci_high")


@dataclass(frozen=True)
class Misleading:
    """Where changing one factor at a time from the baseline would mislead; empty tables where it would not.

    `chosen` is the variant it would choose: every factor at the level that is best while the others are the baseline's;
    None without two complete seeds. Intervals hold together: that any one of a table excludes 0 by luck has 5 % chance.

    `reversals` (REVERSAL_COLUMNS), one row each time the best level of a factor depends on another's: at `at`, `best`
    leads `other_best` by `lead`; at `other_at`, `other_best` leads `best` by `other_lead`, both averaged over the
    remaining factors, and neither interval holds 0. `beaten` (BEATEN_COLUMNS), one row or none: the variant that is
    furthest from `chosen` and better, where the interval of their difference excludes 0.
    """

    chosen: str | None
    reversals: pd.DataFrame
    beaten: pd.DataFrame


def anova(trials: pd.DataFrame, factors: Sequence[str], metric: str) -> pd.DataFrame:
    """Main effects and two-way interactions: one row a term, `alpha` or `alpha:beta`; columns ANOVA_COLUMNS.

    The model has one effect a seed, every main effect and every two-way interaction; what more factors do together is
    part of the residual. `partial_eta_squared` is the term's sum of squares over itself plus the residual's; the ends
    of its 95 % interval are those of the noncentrality of F, over itself plus both degrees of freedom plus 1 (Smithson
    2003, Confidence Intervals, chapter 4). Every seed that counts is complete, so the order of the terms does not
    matter. Raises `AblateError` as `grid` does.
    """
    cells = grid(trials, factors, metric)
    terms = [(factor,) for factor in cells.levels] + list(itertools.combinations(cells.levels, 2))
    frame = _frame([{"term": ":".join(term), "df": _degrees(cells, term)} for term in terms], ANOVA_COLUMNS, 2)
    if not cells.testable:
        return frame
    table = anova_lm(_fitted(cells), typ=2)
    found = table.loc[[_formula(cells, term) for term in terms]]
    residual_squares, residual_df = table.loc["Residual", ["sum_sq", "df"]]
    ends = [_eta_interval(f, df, residual_df) for f, df in zip(found["F"], frame["df"], strict=True)]
    return frame.assign(
        sum_sq=found["sum_sq"].to_numpy(),
        f=found["F"].to_numpy(),
        p_value=found["PR(>F)"].to_numpy(),
        partial_eta_squared=(found["sum_sq"] / (found["sum_sq"] + residual_squares)).to_numpy(),
        eta_ci_low=[low for low, _ in ends],
        eta_ci_high=[high for _, high in ends],
    )


def interactions(
    trials: pd.DataFrame, factors: Sequence[str], baseline: Mapping[str, Any], metric: str
) -> pd.DataFrame:
    """How far two changes from the baseline differ together from what each does alone; columns INTERACTION_COLUMNS.

    `baseline` is factor -> level. `first` and `second` are levels, `alpha=x` and `beta=y`; `difference` is what
    `alpha=x` changes at `beta=y`, minus what it changes at the baseline's level of beta, averaged over the other
    factors, in the metric's unit, and paired by seed: the interval is the 95 % t interval over seeds. `p_adjusted` is
    `p_value` after Holm over all rows. Raises `AblateError` as `grid` does.
    """
    cells = grid(trials, factors, metric, baseline)
    changes = [(factor, code) for factor, levels in cells.levels.items() for code in range(1, len(levels))]
    pairs = [(first, second) for first, second in itertools.combinations(changes, 2) if first[0] != second[0]]
    rows = [{"first": _level(cells, *first), "second": _level(cells, *second)} for first, second in pairs]
    frame = _frame(rows, INTERACTION_COLUMNS, 2)
    if not (cells.testable and pairs):
        return frame
    effects = [_interaction(cells, first, second) for first, second in pairs]
    p_values = [each.p_value for each in effects]
    return frame.assign(
        difference=[each.difference for each in effects],
        ci_low=[each.ci_low for each in effects],
        ci_high=[each.ci_high for each in effects],
        p_value=p_values,
        p_adjusted=multipletests(p_values, method="holm")[1],
    )


def _interaction(cells: Grid, first: tuple[str, int], second: tuple[str, int]) -> PairedEffect:
    """What two changes, factor and code of the level, do together beyond what each does alone, seed by seed."""
    of_two = _by_two(cells, first[0], second[0])
    change = of_two[:, first[1], :] - of_two[:, 0, :]
    return paired_effect(change[:, second[1]] - change[:, 0], float(np.abs(cells.values).max()))


def _by_two(cells: Grid, factor: str, other: str) -> NDArray[np.float64]:
    """Means over the remaining factors, seed by seed; shape (seeds, levels of `factor`, levels of `other`)."""
    values = cells.values.reshape(len(cells.values), *cells.means.shape)
    axes = [1 + list(cells.levels).index(name) for name in (factor, other)]
    rest = tuple(axis for axis in range(1, values.ndim) if axis not in axes)
    means: NDArray[np.float64] = values.mean(axis=rest)
    return means if axes[0] < axes[1] else means.transpose(0, 2, 1)


def misleading(
    trials: pd.DataFrame, factors: Sequence[str], baseline: Mapping[str, Any], metric: str, direction: Direction
) -> Misleading:
    """Where changing one factor at a time from `baseline` (factor -> level) would choose wrongly; see `Misleading`.

    Intervals are paired t intervals over seeds, each at 95 % after Bonferroni over every pair of levels of a factor at
    every level of another (`reversals`), or over all cells but `chosen` (`beaten`).
    `direction` says which way `metric` is better. Raises `AblateError` as `grid` does.
    """
    cells = grid(trials, factors, metric, baseline)
    if not cells.testable:
        return Misleading(None, _frame([], REVERSAL_COLUMNS, 0), _frame([], BEATEN_COLUMNS, 0))
    sign = 1 if direction == "higher" else -1
    pairs = list(itertools.permutations(cells.levels, 2))
    tested = sum(_pairs_of_levels(cells, factor) * len(cells.levels[other]) for factor, other in pairs)
    reversals = [row for factor, other in pairs for row in _reversals(cells, factor, other, sign, tested)]
    chosen = _chosen(cells, sign)
    return Misleading(
        chosen=cells.variants[chosen],
        reversals=pd.DataFrame(reversals, columns=list(REVERSAL_COLUMNS)),
        beaten=pd.DataFrame(_beaten(cells, chosen, sign), columns=list(BEATEN_COLUMNS)),
    )


def _reversals(cells: Grid, factor: str, other: str, sign: int, tested: int) -> list[dict[str, object]]:
    values = _by_two(cells, factor, other)
    best = (sign * values.mean(axis=0)).argmax(axis=0)
    rows: list[dict[str, object]] = []
    for at, other_at in itertools.combinations(range(values.shape[2]), 2):
        lead = _difference(values[:, best[at], at] - values[:, best[other_at], at], tested)
        other_lead = _difference(values[:, best[other_at], other_at] - values[:, best[at], other_at], tested)
        if all(_leads(found, sign) for found in (lead, other_lead)):
            here = (cells.levels[factor][best[at]], _level(cells, other, at), *lead)
            there = (cells.levels[factor][best[other_at]], _level(cells, other, other_at))
            rows.append(dict(zip(REVERSAL_COLUMNS, (factor, *here, *there, *other_lead), strict=True)))
    return rows


def _beaten(cells: Grid, chosen: int, sign: int) -> list[dict[str, object]]:
    """Of the cells that are better beyond chance the best; a better mean alone may be that of a cell that scatters."""
    tested = cells.values.shape[1] - 1
    found = {
        at: _difference(cells.values[:, at] - cells.values[:, chosen], tested)
        for at in range(cells.values.shape[1])
        if at != chosen
    }
    better = {at: difference for at, difference in found.items() if _leads(difference, sign)}
    if not better:
        return []
    best = max(better, key=lambda at: sign * better[at][0])
    row = (cells.variants[best], cells.variants[chosen], *better[best])
    return [dict(zip(BEATEN_COLUMNS, row, strict=True))]


def _difference(differences: NDArray[np.float64], tested: int) -> tuple[float, float, float]:
    """Mean of paired differences with the interval that is one of `tested` that hold together."""
    middle, deviation = float(differences.mean()), float(differences.std(ddof=1))
    half_width = half_interval(deviation, len(differences), 1 - (1 - CONFIDENCE) / tested)
    return middle, middle - half_width, middle + half_width


def _leads(found: tuple[float, float, float], sign: int) -> bool:
    """Whether a difference is above 0 in the better direction; without spread there is nothing to judge it by."""
    middle, low, high = found
    return sign * middle > (high - low) / 2 > ROUNDING


def _chosen(cells: Grid, sign: int) -> int:
    """The cell of every factor's best level while the others are the baseline's, which come first."""
    alone = [
        np.moveaxis(cells.means, axis, 0).reshape(len(named), -1)[:, 0]
        for axis, named in enumerate(cells.levels.values())
    ]
    return int(np.ravel_multi_index([int((sign * each).argmax()) for each in alone], cells.means.shape))


def _fitted(cells: Grid) -> Any:
    """Least squares with one effect a seed, main effects and two-way interactions.

    Factors are called f0, f1, ... and levels 0, 1, ..., so that no name has to pass for a formula; 0 is the reference.
    """
    seeds, size = cells.values.shape
    codes = np.indices(cells.means.shape).reshape(len(cells.levels), -1)
    table = {_column(cells, factor): np.tile(code, seeds) for factor, code in zip(cells.levels, codes, strict=True)}
    rows = pd.DataFrame({**table, "seed": np.repeat(range(seeds), size), "value": cells.values.ravel()})
    main = " + ".join(f"C({column})" for column in table)
    return ols(f"value ~ C(seed) + ({main})**2", rows).fit()


def _eta_interval(f: float, df: float, residual_df: float) -> tuple[float, float]:
    """The partial eta squared at either end of the 95 % interval of the noncentrality of `f`."""
    tail = (1 - CONFIDENCE) / 2
    low, high = (_noncentrality(f, df, residual_df, chance) for chance in (1 - tail, tail))
    return low / (low + df + residual_df + 1), high / (high + df + residual_df + 1)


def _noncentrality(f: float, df: float, residual_df: float, chance: float) -> float:
    """The noncentrality under which an F stays below `f` with probability `chance`; 0 where none is small enough.

    By root finding: scipy's own inverse, and with it statsmodels' confint_noncentrality, has four digits and ends at
    10,000.
    """
    if stats.f.cdf(f, df, residual_df) <= chance:
        return 0.0
    above = max(1.0, f * df)
    while stats.ncf.cdf(f, df, residual_df, above) > chance:
        above *= 2
    return float(optimize.brentq(lambda each: stats.ncf.cdf(f, df, residual_df, each) - chance, 0.0, above, xtol=1e-12))


def _pairs_of_levels(cells: Grid, factor: str) -> int:
    return len(cells.levels[factor]) * (len(cells.levels[factor]) - 1) // 2


def _degrees(cells: Grid, term: Sequence[str]) -> int:
    return int(np.prod([len(cells.levels[factor]) - 1 for factor in term]))


def _column(cells: Grid, factor: str) -> str:
    return f"f{list(cells.levels).index(factor)}"


def _formula(cells: Grid, term: Sequence[str]) -> str:
    return ":".join(f"C({_column(cells, factor)})" for factor in term)


def _level(cells: Grid, factor: str, code: int) -> str:
    return f"{factor}={cells.levels[factor][code]}"


def _frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str], texts: int) -> pd.DataFrame:
    """`rows` with NaN for what they lack; the first `texts` columns are no numbers to come."""
    return pd.DataFrame(rows, columns=list(columns)).astype(dict.fromkeys(columns[texts:], "float64"))
