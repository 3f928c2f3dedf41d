"""From statistics to words: corrected p-values, verdicts, and what weakens them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from statsmodels.stats.multitest import multipletests

from ablate.analysis.effects import PairedEffect, equivalence_p
from ablate.analysis.pairing import Comparison, Identity

Direction = Literal["higher", "lower"]
Verdict = Literal["better", "worse", "equivalent", "inconclusive"]
ClaimVerdict = Literal["supported", "contradicted", "inconclusive", "not tested"]

LEVEL = 0.05
FEWEST_PAIRS = 3

MISSING_SEEDS = "missing seeds"
WITHIN_MARGIN = "within the margin"
NORMALITY_ASSUMED = "normality assumed"


@dataclass(frozen=True)
class Finding:
    """A comparison with its p-values corrected for everything that was tested beside it on the same metric.

    `p_equivalence` is that of two one-sided tests against the margin; NaN where there is no margin.
    """

    comparison: Comparison
    p_adjusted: float
    family_size: int
    p_equivalence: float = math.nan


def adjust(comparisons: Sequence[Comparison], margins: Mapping[str, float | None] | None = None) -> list[Finding]:
    """Correct by Holm's step-down (Holm 1979), each metric a family of its own; the order is kept.

    Comparisons that differ in sign or scale alone are one member. One that has too few pairs for a p-value counts as a
    member all the same, so that a trial still to come never makes the others look better; one without variants does
    not. `margins` has the difference that does not matter, in the metric's unit: the tests for equivalence are a family
    too, of as many members.
    """
    made = [comparison for comparison in comparisons if comparison.weights]
    different = _families(made, lambda each: each.effect.p_value)
    alike = _families(made, lambda each: _equivalence_p(each, margins or {}))
    return [
        Finding(
            comparison=comparison,
            p_adjusted=different[comparison.metric][comparison.identity] if comparison.weights else math.nan,
            family_size=len(different.get(comparison.metric, ())),
            p_equivalence=alike[comparison.metric][comparison.identity] if comparison.weights else math.nan,
        )
        for comparison in comparisons
    ]


def verdict_of(finding: Finding, direction: Direction) -> Verdict | None:
    """Better, worse, equivalent or inconclusive at 5 % after correction; None under 3 pairs.

    `equivalent`, which needs a margin, goes before `better` and `worse`. While a pair is missing nothing is concluded.
    """
    effect = finding.comparison.effect
    if effect.n < FEWEST_PAIRS:
        return None
    if finding.comparison.pairing == "missing":
        return "inconclusive"
    if finding.p_equivalence <= LEVEL:
        return "equivalent"
    if finding.p_adjusted > LEVEL:
        return "inconclusive"
    return "better" if improvement(effect, direction) > 0 else "worse"


def claim_verdict_of(finding: Finding, direction: Direction) -> ClaimVerdict:
    """Whether the arm said to be better is, at 5 % after correction; `not tested` under 3 pairs.

    Whether by as much as matters is for the margin to say; see `claim_badges_of`.
    """
    effect = finding.comparison.effect
    if effect.n < FEWEST_PAIRS:
        return "not tested"
    if finding.comparison.pairing == "missing" or finding.p_adjusted > LEVEL:
        return "inconclusive"
    return "supported" if improvement(effect, direction) > 0 else "contradicted"


def improvement(effect: PairedEffect, direction: Direction) -> float:
    """The difference, positive where the first arm is the better one."""
    return effect.difference if direction == "higher" else -effect.difference


def badges_of(finding: Finding) -> str:
    """What weakens this row, names joined by `;`, empty when nothing does.

    `normality assumed`: the smallest p that `n` sign flips can give, 2/2^n, lies above the level that Holm asks of the
    smallest p in the family, so the verdict rests on the t test alone.
    """
    comparison = finding.comparison
    if not comparison.weights:
        return ""
    reachable = 2.0 / 2.0**comparison.effect.n <= LEVEL / finding.family_size
    found = {
        MISSING_SEEDS: comparison.pairing == "missing",
        NORMALITY_ASSUMED: not math.isnan(comparison.effect.p_value) and not reachable,
    }
    return join_badges(name for name, applies in found.items() if applies)


def claim_badges_of(finding: Finding) -> str:
    """As `badges_of`, and `within the margin` where the difference is shown to be one that does not matter."""
    is_small = finding.comparison.pairing == "complete" and finding.p_equivalence <= LEVEL
    return join_badges([badges_of(finding), WITHIN_MARGIN if is_small else ""])


def join_badges(names: Iterable[str]) -> str:
    """Badge names as one cell of a table, each once, in the order given."""
    return ";".join(dict.fromkeys(name for name in names if name))


def _families(
    comparisons: Iterable[Comparison], p_value: Callable[[Comparison], float]
) -> dict[str, dict[Identity, float]]:
    """Metric -> test -> `p_value` after Holm over all of that metric; of a test that is stated twice the larger."""
    families: dict[str, dict[Identity, float]] = {}
    for comparison in comparisons:
        family = families.setdefault(comparison.metric, {})
        found = p_value(comparison)
        family[comparison.identity] = max(found, family.get(comparison.identity, found))
    return {metric: _holm(family) for metric, family in families.items()}


def _equivalence_p(comparison: Comparison, margins: Mapping[str, float | None]) -> float:
    margin = margins.get(comparison.metric)
    return math.nan if margin is None else equivalence_p(comparison.effect, margin)


def _holm(p_values: Mapping[Identity, float]) -> dict[Identity, float]:
    if not p_values:
        return {}
    raw = np.array(list(p_values.values()))
    _, adjusted, _, _ = multipletests(np.nan_to_num(raw, nan=1.0), method="holm")
    return dict(zip(p_values, np.where(np.isnan(raw), np.nan, adjusted).tolist(), strict=True))
