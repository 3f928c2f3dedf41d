"""Badges: what weakens a row of the tables, and why a reader should care."""

from typing import Any

import pandas as pd

from ablate.analysis.verdicts import MISSING_SEEDS, NORMALITY_ASSUMED, WITHIN_MARGIN, join_badges
from ablate.measure.series import NOISE_GATE
from ablate.records import canonical

FAILED = "failed"
DIVERGED = "diverged"
FEW_STEPS = "few steps"
MIXED_ENVIRONMENTS = "mixed environments"
UNKNOWN_ENVIRONMENT = "unknown environment"
NOISY_COST = "noisy cost"
COUNTERS_DISAGREE = "counters disagree"
COST_MISSING = "cost missing"
TUNED_AT_EDGE = "tuned at the edge"
FEWEST_STEPS = 100
# A column of planned trials; the blank keeps it apart from a factor on train.steps.
STEPS = "optimizer steps"

BADGES: dict[str, str] = {
    MISSING_SEEDS: (
        "a planned trial has no value of the metric: it has not ended, it failed, or its loss stopped being a number; "
        "only complete pairs count, and nothing is concluded without it"
    ),
    FAILED: "a trial failed for good and has no result; see the failures",
    DIVERGED: "a trial's loss stopped being a number; it enters with the accuracy it has",
    FEW_STEPS: f"a trial took fewer than {FEWEST_STEPS} optimizer steps, too few to say how the network trains",
    TUNED_AT_EDGE: (
        "a value that tuning chose lies within a twentieth of its range from an end, so that a better one may lie "
        "beyond; widen the range"
    ),
    MIXED_ENVIRONMENTS: "trials ran on different machines",
    UNKNOWN_ENVIRONMENT: "environment.json does not say where a trial ran; restore that file",
    NOISY_COST: (
        f"the samples of a time spread over more than {100 * NOISE_GATE:.0f} % of their median (interquartile range) "
        "when the time for measuring was spent; measure longer, or on a quieter machine"
    ),
    COUNTERS_DISAGREE: "torch and fvcore count different MACs; both are shown and neither is chosen",
    COST_MISSING: "a cost that the study asks for could not be measured; the reason stands with the costs",
    NORMALITY_ASSUMED: (
        "the sign-flip test has too few pairs to reach the level of the family, so the verdict rests on the t test, "
        "which assumes normal differences"
    ),
    WITHIN_MARGIN: "whatever its verdict, the difference is shown to be one that does not matter by the study's margin",
}
# With few seeds a verdict has to rest on the t test: a fact to know, not a fault to mend.
NO_FAULTS = (NORMALITY_ASSUMED, WITHIN_MARGIN)


def trial_badges(trials: pd.DataFrame, environments: dict[str, dict[str, Any]]) -> str:
    """The badges that `trials`, as from `planned_trials`, put on a row made of them."""
    used = set(trials["environment"].dropna()) - {""}
    machines = {canonical(environments[name]["machine"]) for name in used & environments.keys()}
    found = {
        FAILED: bool((trials["state"] == "failed").any()),
        DIVERGED: bool((trials["state"] == "diverged").any()),
        FEW_STEPS: bool((trials[STEPS] < FEWEST_STEPS).any()),
        MIXED_ENVIRONMENTS: len(machines) > 1,
        UNKNOWN_ENVIRONMENT: not used <= environments.keys(),
    }
    return join_badges(name for name, applies in found.items() if applies)


def merge_badges(*cells: str) -> str:
    """Several cells of badges as one."""
    return join_badges(name for cell in cells for name in cell.split(";"))
