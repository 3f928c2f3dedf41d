"""Each variant by itself: mean, standard deviation and interval over its seeds."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ablate.analysis.effects import half_interval
from ablate.analysis.pairing import by_seed, check_trials


def summarise(trials: pd.DataFrame, metrics: Sequence[str] = ("accuracy",)) -> pd.DataFrame:
    """One row a variant, in order of appearance: `variant`, `n`, then `<metric>_mean`, `_sd`, `_ci_low`, `_ci_high`.

    `n` counts the trials that have the first metric. The interval is the 95 % t interval of the mean; with one trial it
    and the standard deviation are NaN. It does not use the pairing, so it is wider than what a contrast needs.
    Raises `AblateError` for missing columns and repeated trials.
    """
    check_trials(trials, metrics)
    variants = list(dict.fromkeys(trials["variant"]))
    tables = {metric: by_seed(trials, metric) for metric in metrics}
    rows = [
        {"variant": variant, "n": int(tables[metrics[0]][variant].notna().sum())}
        | {name: value for metric in metrics for name, value in _spread(tables[metric][variant], metric).items()}
        for variant in variants
    ]
    statistics = [f"{metric}_{name}" for metric in metrics for name in ("mean", "sd", "ci_low", "ci_high")]
    return pd.DataFrame(rows, columns=["variant", "n", *statistics])


def _spread(column: "pd.Series[float]", metric: str) -> dict[str, float]:
    values = column.dropna().to_numpy(dtype=np.float64)
    mean = float(values.mean()) if len(values) else math.nan
    deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    half_width = half_interval(deviation, len(values)) if len(values) > 1 else math.nan
    return {
        f"{metric}_mean": mean,
        f"{metric}_sd": deviation,
        f"{metric}_ci_low": mean - half_width,
        f"{metric}_ci_high": mean + half_width,
    }
