"""What every variant was given: parameters and multiply-adds beside the baseline's, and how much it was trained."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.measure import DIRECTIONS
from ablate.report.costing import EXACT, TRAINING_FACTOR
from ablate.report.numbers import ABSENT
from ablate.schema.columns import TUNED_PREFIX

GAIN = f"{TUNED_PREFIX}gain"
EVEN = 0.05  # how far a budget may be from the baseline's before the answer says so
NAMES = {"params": "parameters", "macs": "multiply-adds"}
RATIOS = {metric: f"{metric}_ratio" for metric in EXACT}


def budgets(plan: Mapping[str, Any], baselines: Mapping[str, str]) -> pd.DataFrame:
    """One row a variant in the plan's order, for `variants.csv`.

    `params_ratio` and `macs_ratio` are to the one in `baselines` (see `cost_baselines`), as `ratio` has them;
    `training_steps`; `total_training_macs`: multiply-adds of all steps, three times those of the forward passes. What
    tuning chose stands in columns such as `tuned_lr`, and what it gained over the recipe as stated, on the images held
    out for it, in `tuned_gain`: above 0 is better, of a loss too.
    """
    known = {variant["variant"]: variant for variant in plan["variants"]}
    against = {**{name: name for name in known}, **baselines}
    rows = [
        {**_row(variant, known[against[name]]), **tuned_columns(variant, plan["study"]["primary"])}
        for name, variant in known.items()
    ]
    return pd.DataFrame(rows)


def tuned_columns(variant: Mapping[str, Any], primary: str) -> dict[str, float]:
    """What tuning chose for a variant of a plan, by column; empty for one that is not tuned."""
    if "tuned" not in variant:
        return {}
    tuned = variant["tuned"]
    stated = tuned["stated_score"]
    values = {f"{TUNED_PREFIX}{path.rpartition('.')[2]}": value for path, value in tuned["values"].items()}
    sign = 1 if DIRECTIONS[primary] == "higher" else -1
    return {**values, GAIN: math.nan if stated is None else sign * (tuned["score"] - stated)}


def tuned_at_edge(plan: Mapping[str, Any]) -> set[str]:
    """The variants for which tuning chose a value near an end of its range."""
    return {variant["variant"] for variant in plan["variants"] if "tuned" in variant and variant["tuned"]["edges"]}


def _row(variant: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, float]:
    train = variant["train"]
    images = variant["steps"] * train["batch_size"] if "batch_size" in train else math.nan
    return {
        **{column: ratio(variant[metric], baseline[metric]) for metric, column in RATIOS.items()},
        "training_steps": variant["steps"],
        "total_training_macs": float(TRAINING_FACTOR * variant["macs"] * images),
    }


def uneven_budgets(row: Mapping[Any, Any]) -> str:
    """`2.95x the parameters and 2.31x the multiply-adds` of a row of `variants.csv`; empty where both are near those of
    the baseline."""
    known = {metric: row[column] for metric, column in RATIOS.items()}
    return " and ".join(f"{times(own)} the {NAMES[metric]}" for metric, own in known.items() if abs(own - 1) > EVEN)


def ratio(own: float, baseline: float) -> float:
    """How many times what the baseline has: 1 where they are alike, NaN where it alone has none."""
    if own == baseline:
        return 1.0
    return float(own / baseline) if baseline else math.nan


def times(known: float) -> str:
    """`2.95x` of a ratio."""
    return ABSENT if math.isnan(known) else f"{known:.2f}x"
