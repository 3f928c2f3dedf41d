"""Contrasts and claims, corrected together: what a study concludes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablate.analysis.claims import TestedClaim, cells_of, claim_weights
from ablate.analysis.factorial import Cells, Contrast, pair
from ablate.analysis.images import METRIC_OF_IMAGES, UNKNOWN, CorrectBits, Interval, OverSeeds, images_intervals
from ablate.analysis.improvement import probability_of_improvement
from ablate.analysis.pairing import Comparison, by_seed, check_trials, compare
from ablate.analysis.verdicts import (
    Direction,
    Finding,
    adjust,
    badges_of,
    claim_badges_of,
    claim_verdict_of,
    verdict_of,
)
from ablate.errors import AblateError, UnknownName
from ablate.lookup import suggestion
from ablate.measure import DIRECTIONS

CONTRAST_COLUMNS = (
    *("variant", "baseline", "metric", "n", "difference", "ci_low", "ci_high", "images_ci_low", "images_ci_high"),
    *("p_value", "p_sign_flip", "p_adjusted", "effect_size", "probability_of_improvement", "verdict", "badges"),
)
CLAIM_COLUMNS = ("id", "source", "metric", "published", "measured", "ci_low", "ci_high", "verdict", "badges")

Margin = float | Mapping[str, float] | None


@dataclass(frozen=True)
class Conclusions:
    """`contrasts` and `claims`, with the columns CONTRAST_COLUMNS and CLAIM_COLUMNS."""

    contrasts: pd.DataFrame
    claims: pd.DataFrame


def contrasts(
    trials: pd.DataFrame,
    baseline: str,
    metrics: Sequence[str] = ("accuracy",),
    margin: Margin = None,
    *,
    directions: Mapping[str, Direction] | None = None,
    correct: CorrectBits | None = None,
) -> pd.DataFrame:
    """Every variant minus `baseline` on every metric, paired by seed: one row each, metric by metric.

    `trials` has one row a trial with the columns `variant`, `seed` and `metrics`; a NaN is a missing value. Columns of
    the result: CONTRAST_COLUMNS. The interval is the 95 % paired-t interval, not corrected for the family; `p_value`
    belongs to it; `p_sign_flip` is exact; `p_adjusted` is `p_value` after Holm over the variants, each metric a family;
    `effect_size` is Cohen's d_z; `probability_of_improvement` is the share of pairs in which the variant is better;
    `verdict` (None under 3 pairs) is decided by `p_adjusted` and, where `margin` gives the difference that does not
    matter (one number, or one a metric), by two one-sided tests, after Holm as well. `images_ci_low` and
    `images_ci_high` are the 95 % interval over seeds and test images (`ablate.analysis.images`), for `accuracy` where
    `correct` has the bits of every trial, else NaN.

    `directions` says which way is better for columns that `ablate.measure` does not know. Raises `AblateError` for an
    unknown baseline, missing columns, repeated trials, a metric without a direction and a margin that is no margin.
    """
    if isinstance(metrics, str):
        raise AblateError(f"metrics: {metrics!r} is one name; give a list of names, [{metrics!r}]")
    check_trials(trials, metrics)
    variants = list(dict.fromkeys(trials["variant"]))
    if baseline not in variants:
        raise UnknownName(f"unknown baseline {baseline!r}; {suggestion(baseline, map(str, variants))}")
    tested = [pair(variant, baseline) for variant in variants if variant != baseline]
    return conclude(trials, tested, metrics, margin, directions=directions, correct=correct).contrasts


def conclude(
    trials: pd.DataFrame,
    tested: Sequence[Contrast],
    metrics: Sequence[str],
    margin: Margin = None,
    *,
    claims: Sequence[TestedClaim] = (),
    factor_columns: Mapping[str, str] | None = None,
    cells: Cells | None = None,
    directions: Mapping[str, Direction] | None = None,
    correct: CorrectBits | None = None,
) -> Conclusions:
    """`contrasts` for whatever is `tested`, and the verdict on each claim, in one family a metric.

    A claim without a metric is about the first of `metrics`. `factor_columns` maps factor paths to columns of `trials`,
    which say where variants stand unless `cells` does.
    `measured` is better minus than, in the metric's unit and sign, or the difference of two such differences; its
    interval is that of a contrast. A claim that is the same test as a contrast, or as another claim, counts once.
    """
    claim_metrics = [claim.metric or metrics[0] for claim in claims]
    check_trials(trials, [*metrics, *claim_metrics, *(factor_columns or {}).values()])
    ways = {metric: _direction(metric, directions or {}) for metric in [*metrics, *claim_metrics]}
    margins = _margins(margin, metrics)
    values = {metric: by_seed(trials, metric) for metric in ways}
    asked = [(each, metric) for metric in metrics for each in tested]
    differences = [compare(values[metric], metric, each.weights) for each, metric in asked]
    stand = cells_of(trials, factor_columns or {}) if cells is None else cells
    claimed = [
        compare(values[metric], metric, claim_weights(stand, claim, factor_columns or {}))
        for claim, metric in zip(claims, claim_metrics, strict=True)
    ]
    findings = adjust([*differences, *claimed], margins)
    of_contrasts = zip(asked, findings[: len(asked)], _over_images(differences, correct or {}), strict=True)
    of_claims = zip(claims, findings[len(asked) :], strict=True)
    rows = [_contrast_row(each, finding, images, ways[metric]) for (each, metric), finding, images in of_contrasts]
    return Conclusions(
        contrasts=_frame(rows, CONTRAST_COLUMNS),
        claims=_frame([_claim_row(*each, ways) for each in of_claims], CLAIM_COLUMNS),
    )


def _over_images(differences: Sequence[Comparison], correct: CorrectBits) -> list[Interval]:
    at = [index for index, each in enumerate(differences) if each.metric == METRIC_OF_IMAGES]
    asked = [OverSeeds(differences[index].weights, differences[index].pairs.seeds) for index in at]
    intervals = [UNKNOWN] * len(differences)
    for index, interval in zip(at, images_intervals(correct, asked), strict=True):
        intervals[index] = interval
    return intervals


def _contrast_row(each: Contrast, finding: Finding, images: Interval, way: Direction) -> dict[str, object]:
    comparison, effect, pairs = finding.comparison, finding.comparison.effect, finding.comparison.pairs
    return {
        "variant": each.variant,
        "baseline": each.baseline,
        "metric": comparison.metric,
        "n": effect.n,
        "difference": effect.difference,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
        "images_ci_low": images[0],
        "images_ci_high": images[1],
        "p_value": effect.p_value,
        "p_sign_flip": effect.p_sign_flip,
        "p_adjusted": finding.p_adjusted,
        "effect_size": effect.effect_size,
        "probability_of_improvement": probability_of_improvement(pairs.differences, pairs.magnitude, way),
        "verdict": verdict_of(finding, way),
        "badges": badges_of(finding),
    }


def _claim_row(claim: TestedClaim, finding: Finding, ways: Mapping[str, Direction]) -> dict[str, object]:
    comparison: Comparison = finding.comparison
    return {
        "id": claim.id,
        "source": claim.source,
        "metric": comparison.metric,
        "published": claim.published_difference,
        "measured": comparison.effect.difference,
        "ci_low": comparison.effect.ci_low,
        "ci_high": comparison.effect.ci_high,
        "verdict": claim_verdict_of(finding, ways[comparison.metric]),
        "badges": claim_badges_of(finding),
    }


def _frame(rows: list[dict[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    # pandas would turn the None of a missing verdict into NaN, and a column of None into no numbers at all.
    verdicts = pd.Series([row["verdict"] for row in rows], dtype=object, index=frame.index)
    numbers: dict[str, Any] = {column: "float64" for column in ("published",) if column in frame.columns}
    return frame.astype(numbers).assign(verdict=verdicts)


def _direction(metric: str, given: Mapping[str, Direction]) -> Direction:
    known = {**DIRECTIONS, **given}
    if metric not in known:
        raise UnknownName(
            f"no direction is known for metric {metric!r}; pass directions={{{metric!r}: 'higher'}} or 'lower', "
            f"or {suggestion(metric, known)}"
        )
    return known[metric]


def _margins(margin: Margin, metrics: Sequence[str]) -> dict[str, float | None]:
    given = dict.fromkeys(metrics, margin) if isinstance(margin, int | float) else dict(margin or {})
    for metric, value in given.items():
        if metric not in metrics:
            raise AblateError(f"margin names {metric!r}, which is not among the metrics {', '.join(metrics)}")
        if not value > 0:
            raise AblateError(f"margin of {metric} is {value}; it must be above 0")
    return {metric: given.get(metric) for metric in metrics}
