"""What every variant was given: parameters and multiply-adds beside the baseline's, and how much it was trained."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.report.costing import EXACT, TRAINING_FACTOR

RATIOS = {metric: f"{metric}_ratio" for metric in EXACT}


def budgets(plan: Mapping[str, Any], baselines: Mapping[str, str]) -> pd.DataFrame:
    """One row a variant in the plan's order, for `variants.csv`.

    `params_ratio` and `macs_ratio` are to the one in `baselines` (see `cost_baselines`), 1 for a baseline;
    `training_steps`; `total_training_macs`: multiply-adds of all steps, three times those of the forward passes.
    """
    known = {variant["variant"]: variant for variant in plan["variants"]}
    return pd.DataFrame([_row(variant, known[baselines.get(name, name)]) for name, variant in known.items()])


def _row(variant: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, float]:
    train = variant["train"]
    images = variant["steps"] * train["batch_size"] if "batch_size" in train else math.nan
    return {
        **{column: variant[metric] / baseline[metric] for metric, column in RATIOS.items()},
        "training_steps": variant["steps"],
        "total_training_macs": float(TRAINING_FACTOR * variant["macs"] * images),
    }
