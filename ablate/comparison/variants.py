"""Every network that both folders have: what each side measured, B minus A, and what follows."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import pandas as pd

from ablate.analysis import summarise
from ablate.analysis.factorial import Weights
from ablate.analysis.pairing import Comparison
from ablate.analysis.verdicts import Finding, verdict_of
from ablate.comparison.arms import (
    STATISTICS,
    Arms,
    Pairing,
    badges,
    findings_of,
    in_a,
    in_b,
    other_data,
    paired,
    statistics,
    unpaired,
    without_assumption,
)
from ablate.comparison.matching import Pair

SIDE = ("n", "mean", "ci_low", "ci_high")
VARIANT_COLUMNS = (
    *("variant", "variant_b", "metric", *(f"{name}_a" for name in SIDE), *(f"{name}_b" for name in SIDE)),
    *("pairing", *STATISTICS, "p_adjusted", "verdict"),
    *("seeds", "unfinished", "same_key", "bit_equal", "badges", "remark"),
)
NO_SHARED_SEED = "no seed in common: Welch's interval, of unpaired trials"


@dataclass(frozen=True)
class Compared:
    """A pair on one metric; `remark` says what a reader has to know of it."""

    pairing: Pairing
    comparison: Comparison | None
    remark: str


def variants_table(arms: Arms) -> pd.DataFrame:
    """One row a metric and pair, metric by metric, with the columns VARIANT_COLUMNS; differences are B minus A.

    The primary metric is tested: `p_adjusted` is Holm's over the pairs, `verdict` as in a study, or `identical` where
    every trial is the same bit by bit. The other metrics are described.
    """
    rows = [row for metric in arms.question.metrics for row in _of_metric(arms, metric)]
    frame = pd.DataFrame(rows, columns=list(VARIANT_COLUMNS))
    return frame.assign(verdict=pd.Series([row["verdict"] for row in rows], dtype=object))


def _of_metric(arms: Arms, metric: str) -> list[dict[str, Any]]:
    means = {row["variant"]: row for row in summarise(arms.trials, [metric]).to_dict("records")}
    compared = [_compare(arms, pair, metric) for pair in arms.pairs]
    findings = findings_of(arms, metric, [each.comparison for each in compared])
    return [
        {
            "variant": pair.name,
            "variant_b": pair.name_b,
            "metric": metric,
            **_side(means[in_a(pair.name)], metric, "a"),
            **_side(means[in_b(pair.name_b)], metric, "b"),
            "pairing": each.pairing,
            **statistics(each.comparison),
            **asdict(arms.repetitions[pair.name]),
            "remark": each.remark,
            **_conclusion(arms, pair, finding, each.pairing, metric),
        }
        for pair, each, finding in zip(arms.pairs, compared, findings, strict=True)
    ]


def _compare(arms: Arms, pair: Pair, metric: str) -> Compared:
    remark = other_data(pair)
    if remark:
        return Compared("none", None, remark)
    by_seed = paired(arms, _weights(pair), metric)
    if by_seed is None:
        return Compared("unpaired", unpaired(arms, _weights(pair), metric), NO_SHARED_SEED)
    return Compared("by seed", by_seed, "")


def _conclusion(arms: Arms, pair: Pair, finding: Finding | None, pairing: Pairing, metric: str) -> dict[str, Any]:
    is_primary, is_identical = metric == arms.question.primary, arms.repetitions[pair.name].is_identical
    found = badges(arms, _weights(pair), finding, pairing)
    if not is_primary or is_identical or finding is None:
        word = "identical" if is_primary and is_identical else None
        return {"p_adjusted": math.nan, "verdict": word, "badges": without_assumption(found)}
    verdict = verdict_of(finding, arms.question.direction)
    return {"p_adjusted": finding.p_adjusted, "verdict": verdict, "badges": found}


def _weights(pair: Pair) -> Weights:
    return {in_b(pair.name_b): Fraction(1), in_a(pair.name): Fraction(-1)}


def _side(means: Mapping[Any, Any], metric: str, side: str) -> dict[str, Any]:
    columns = {"n": "n", **{name: f"{metric}_{name}" for name in SIDE[1:]}}
    return {f"{name}_{side}": means[column] for name, column in columns.items()}
