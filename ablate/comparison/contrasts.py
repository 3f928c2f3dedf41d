"""Every contrast of A in both folders, and the difference of the two differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablate.analysis.factorial import Contrast, Weights
from ablate.analysis.pairing import Comparison
from ablate.analysis.verdicts import Finding, verdict_of
from ablate.comparison.arms import (
    STATISTICS,
    Arms,
    badges,
    findings_of,
    in_a,
    in_b,
    other_data,
    paired,
    statistics,
    without_assumption,
)
from ablate.records import Results
from ablate.report.contrasting import baseline_contrasts
from ablate.report.derive import tables

SIDE = ("n", "difference", "ci_low", "ci_high")
CONTRAST_COLUMNS = (
    *("variant", "baseline", "metric", *(f"{name}_a" for name in SIDE), "verdict_a"),
    *(*(f"{name}_b" for name in SIDE), "verdict_b"),
    *("pairing", *STATISTICS, "p_adjusted", "verdict", "badges", "remark"),
)
# A contrast may grow in B without anything being better: which way it went is the difference's sign.
WORDS = {"better": "changed", "worse": "changed", "equivalent": "equivalent", "inconclusive": "inconclusive"}
NO_SHARED_SEED = "no seed in common, so the two differences have no difference by seed"

Verdicts = Mapping[tuple[str, str, str], str | None]
"""Variant, baseline, metric -> what a study's own tables conclude."""


@dataclass(frozen=True)
class Located:
    """A contrast of A among the arms. `in_b` is empty where B lacks a variant of it; `own_b` names it as B tests it,
    None where B does not. `remark`: why the two are not subtracted."""

    contrast: Contrast
    in_a: Weights
    in_b: Weights
    own_b: tuple[str, str] | None
    remark: str


def contrasts_table(arms: Arms) -> pd.DataFrame:
    """One row a metric and contrast of A, metric by metric, with the columns CONTRAST_COLUMNS.

    `difference_a` and `difference_b` are the contrast in either folder, with the verdict of that study (None where B
    does not test it); `difference` is B's minus A's over the seeds that all its variants planned. On the primary metric
    it is tested, Holm over the contrasts: `changed`, `equivalent` (within the margin), `inconclusive`, or `identical`
    where all its trials are.
    """
    own_b = {_key(each.weights): (each.variant, each.baseline) for each in baseline_contrasts(arms.b.plan)}
    located = [_locate(arms, contrast, own_b) for contrast in baseline_contrasts(arms.a.plan)]
    verdicts = _verdicts(arms.a), _verdicts(arms.b)
    rows = [row for metric in arms.question.metrics for row in _of_metric(arms, located, *verdicts, metric)]
    words = {name: [row[name] for row in rows] for name in ("verdict_a", "verdict_b", "verdict")}
    frame = pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))
    return frame.assign(**{name: pd.Series(column, dtype=object) for name, column in words.items()})


def _locate(arms: Arms, contrast: Contrast, own_b: Mapping[Any, tuple[str, str]]) -> Located:
    partners = {pair.name: pair for pair in arms.pairs}
    of_a = {in_a(variant): weight for variant, weight in contrast.weights.items()}
    lacking = [variant for variant in contrast.weights if variant not in partners]
    if lacking:
        return Located(contrast, of_a, {}, None, f"B has nothing to set beside {', '.join(lacking)}")
    beside = {partners[variant].name_b: weight for variant, weight in contrast.weights.items()}
    of_b = {in_b(variant): weight for variant, weight in beside.items()}
    remarks = (remark for variant in contrast.weights if (remark := other_data(partners[variant])))
    return Located(contrast, of_a, of_b, own_b.get(_key(beside)), next(remarks, ""))


def _of_metric(
    arms: Arms, located: Sequence[Located], verdicts_a: Verdicts, verdicts_b: Verdicts, metric: str
) -> list[dict[str, Any]]:
    compared = [None if each.remark else paired(arms, _change(each), metric) for each in located]
    return [
        {
            "variant": each.contrast.variant,
            "baseline": each.contrast.baseline,
            "metric": metric,
            **_side(paired(arms, each.in_a, metric), "a"),
            "verdict_a": verdicts_a.get((each.contrast.variant, each.contrast.baseline, metric)),
            **_side(paired(arms, each.in_b, metric) if each.in_b else None, "b"),
            "verdict_b": verdicts_b.get((*each.own_b, metric)) if each.own_b else None,
            "pairing": "none" if comparison is None else "by seed",
            **statistics(comparison),
            **_conclusion(arms, each, finding, metric),
            "remark": each.remark or (NO_SHARED_SEED if comparison is None else ""),
        }
        for each, comparison, finding in zip(located, compared, findings_of(arms, metric, compared), strict=True)
    ]


def _change(located: Located) -> Weights:
    return {**located.in_b, **{arm: -weight for arm, weight in located.in_a.items()}}


def _side(comparison: Comparison | None, side: str) -> dict[str, Any]:
    found = statistics(comparison)
    return {f"{name}_{side}": found[name] for name in SIDE}


def _conclusion(arms: Arms, located: Located, finding: Finding | None, metric: str) -> dict[str, Any]:
    is_primary = metric == arms.question.primary
    is_identical = all(
        variant in arms.repetitions and arms.repetitions[variant].is_identical for variant in located.contrast.weights
    )
    found = badges(arms, _change(located), finding, "by seed")
    if not is_primary or is_identical or finding is None:
        word = "identical" if is_primary and is_identical else None
        return {"p_adjusted": math.nan, "verdict": word, "badges": without_assumption(found)}
    verdict = verdict_of(finding, arms.question.direction)
    return {"p_adjusted": finding.p_adjusted, "verdict": verdict and WORDS[verdict], "badges": found}


def _verdicts(results: Results) -> dict[tuple[str, str, str], str | None]:
    rows = tables(results).contrasts.to_dict("records")
    return {(row["variant"], row["baseline"], row["metric"]): row["verdict"] for row in rows}


def _key(weights: Weights) -> frozenset[tuple[str, Any]]:
    return frozenset(weights.items())
