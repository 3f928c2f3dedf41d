"""The trials of both folders in one table, in which A's variants and B's are arms that can be weighed together."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ablate.analysis.factorial import Weights
from ablate.analysis.pairing import Comparison, by_seed, compare
from ablate.analysis.unpaired import welch
from ablate.analysis.verdicts import NORMALITY_ASSUMED, Finding, adjust, badges_of
from ablate.comparison.matching import Matching, Pair
from ablate.comparison.question import Question
from ablate.comparison.repetition import Repetition, repetition
from ablate.records import Results
from ablate.report.badges import merge_badges, trial_badges
from ablate.report.derive import planned_trials

Pairing = Literal["by seed", "unpaired", "none"]
STATISTICS = ("n", "difference", "ci_low", "ci_high", "p_value", "p_sign_flip")


@dataclass(frozen=True)
class Arms:
    """Two folders side by side.

    `repetitions`: A's name of a pair -> how far B repeated it. `trials`: as from `planned_trials`, A's variants called
    `A: name`, B's `B: name`.
    """

    a: Results
    b: Results
    pairs: tuple[Pair, ...]
    question: Question
    repetitions: dict[str, Repetition]
    trials: pd.DataFrame


def arms_of(a: Results, b: Results, matching: Matching, question: Question) -> Arms:
    parts = [(in_a, planned_trials(a)), (in_b, planned_trials(b))]
    renamed = [own.assign(variant=own["variant"].map(name)) for name, own in parts]
    repetitions = {pair.name: repetition(pair, a, b) for pair in matching.pairs}
    return Arms(a, b, matching.pairs, question, repetitions, pd.concat(renamed, ignore_index=True))


def in_a(variant: str) -> str:
    """What A's `variant` is called among the arms."""
    return f"A: {variant}"


def in_b(variant: str) -> str:
    """What B's `variant` is called among the arms."""
    return f"B: {variant}"


def paired(arms: Arms, weights: Weights, metric: str) -> Comparison | None:
    """The weighed sum of arms over the seeds that every one of them planned; None where there is no such seed."""
    own = arms.trials[arms.trials["variant"].isin(list(weights))]
    planned = own.groupby("seed")["variant"].nunique()
    shared = own[own["seed"].isin(planned.index[planned == len(weights)])]
    return None if shared.empty else compare(by_seed(shared, metric), metric, weights)


def unpaired(arms: Arms, weights: Weights, metric: str) -> Comparison:
    """B's arm minus A's by Welch's test, for two arms that share no seed; `weights` gives B's 1 and A's -1."""
    after, before = sorted(weights, key=lambda name: -weights[name])
    values_a, values_b = (arms.trials.loc[arms.trials["variant"] == name, metric] for name in (before, after))
    is_complete = bool(values_a.notna().all() and values_b.notna().all())
    return Comparison(metric, weights, welch(values_a, values_b), "complete" if is_complete else "missing")


def findings_of(arms: Arms, metric: str, comparisons: Sequence[Comparison | None]) -> list[Finding | None]:
    """Each corrected by Holm for the others on the primary metric; others are no family. None stays None."""
    made = [each for each in comparisons if each is not None]
    tested = metric == arms.question.primary
    margins = {metric: arms.question.margin}
    found = iter(adjust(made, margins) if tested else [Finding(each, math.nan, family_size=1) for each in made])
    return [None if each is None else next(found) for each in comparisons]


def statistics(comparison: Comparison | None) -> dict[str, Any]:
    """The columns STATISTICS; n 0 and NaN where nothing is compared."""
    if comparison is None:
        return {"n": 0, **dict.fromkeys(STATISTICS[1:], np.nan)}
    return {name: getattr(comparison.effect, name) for name in STATISTICS}


def badges(arms: Arms, names: Iterable[str], finding: Finding | None, pairing: Pairing) -> str:
    """What weakens a row made of the arms `names`; that A and B ran on two machines is no fault of a comparison."""
    own = arms.trials[arms.trials["variant"].isin(list(names))]
    of_a = own["variant"].str.startswith(in_a(""))
    found = "" if finding is None else badges_of(finding)
    # Beside Welch's test stands no exact one, however many trials there are.
    normal = NORMALITY_ASSUMED if pairing == "unpaired" else ""
    sides = [trial_badges(own[of_a], arms.a.environments), trial_badges(own[~of_a], arms.b.environments)]
    return merge_badges(found, normal, *sides)


def without_assumption(cell: str) -> str:
    """`cell` without the badge that only matters where a test decides."""
    return merge_badges(*(name for name in cell.split(";") if name != NORMALITY_ASSUMED))


def other_data(pair: Pair) -> str:
    """Why the two sides of `pair` cannot be set against each other; empty when they can."""
    a_has, b_has = pair.a["data"]["digest"], pair.b["data"]["digest"]
    if a_has == b_has:
        return ""
    return f"tested on other data (digest {a_has[:12]} in A, {b_has[:12]} in B)"
