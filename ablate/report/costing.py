"""The table of costs: every cost column of every variant, its interval, its ratio to the baseline, its verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablate.analysis.ratios import cost_verdict, over_processes, ratio
from ablate.analysis.verdicts import join_badges
from ablate.cost_sets import PROCESSES, VariantCosts
from ablate.measure import DIRECTIONS, METRICS
from ablate.measure.series import NOISE_GATE
from ablate.records import Results
from ablate.report.badges import COST_MISSING, COUNTERS_DISAGREE, NOISY_COST
from ablate.report.numbers import column_name

EXACT = ("params", "macs")
SECOND_COUNT = "macs_fvcore"
TRAINING_MACS = "training_macs"
PERCENTILES = ("latency_ms_p90", "latency_ms_p99")  # of all rounds together, so that none can be set against another
# A forward product of matrices comes back as two of the same size: one for the input's gradient, one for the weight's.
TRAINING_FACTOR = 3

COST_COLUMNS = (
    *("variant", "baseline", "metric", "value", "value_ci_low", "value_ci_high", "ratio", "ratio_ci_low"),
    *("ratio_ci_high", "rounds", "samples", "spread", "verdict", "badges"),
)
NUMBERS = ("value", "value_ci_low", "value_ci_high", "ratio", "ratio_ci_low", "ratio_ci_high", "spread")
UNMEASURED = VariantCosts(columns={}, rounds={}, samples={}, spread={}, problems={}, uncounted={})


@dataclass(frozen=True)
class Costs:
    """What is known of every variant's costs, in the plan's order.

    `values`: column -> variant -> value, the exact columns first; NaN where it could not be measured. A variant that
    has no value for another reason, such as too few samples for a percentile, is left out. `measured`: the rest.
    """

    values: Mapping[str, Mapping[str, float]]
    measured: Mapping[str, VariantCosts]


def costs_of(results: Results) -> Costs:
    """Of every variant of the plan; the exact columns alone where nothing was measured."""
    group, exact = results.cost_group, exact_costs(results.plan)
    names = [variant["variant"] for variant in results.plan["variants"]]
    measured = {name: UNMEASURED if group is None else group.variants[name] for name in names}
    found = dict.fromkeys(column for own in measured.values() for column in own.columns)
    known = {
        name: {**dict.fromkeys(_missing(own, list(found)), math.nan), **own.columns} for name, own in measured.items()
    }
    columns = dict.fromkeys([*found, *(column for name in names for column in known[name])])
    counted = {str(column): dict(zip(names, exact[column].tolist(), strict=True)) for column in exact}
    taken = {
        column: {name: known[name][column] for name in names if column in known[name]}
        for column in columns
        if column not in counted
    }
    return Costs({**counted, **taken}, measured)


def exact_costs(plan: Mapping[str, Any]) -> pd.DataFrame:
    """Parameters, MACs, and the MACs of a training step, one row a variant in the plan's order."""
    exact = pd.DataFrame([{column: variant[column] for column in EXACT} for variant in plan["variants"]])
    return exact.assign(**{TRAINING_MACS: TRAINING_FACTOR * exact["macs"]})


def measured_columns(results: Results) -> pd.DataFrame:
    """What was measured of the variants, in the plan's order; a column that no variant has a number in is left out."""
    order = [variant["variant"] for variant in results.plan["variants"]]
    found = results.costs.set_index("variant").reindex(order).reset_index(drop=True)
    return found.drop(columns=[column for column in EXACT if column in found]).dropna(axis="columns", how="all")


def costs_table(costs: Costs, baselines: Mapping[str, str]) -> pd.DataFrame:
    """One row a variant and cost column, column by column; `baselines`: variant -> what its ratio is to.

    What was taken in rounds has intervals and, where there is a baseline, a verdict; counts and bytes have a value and
    a ratio alone. What could not be measured has a row without numbers.
    """
    rows = [
        _row(costs, column, variant, baselines.get(variant))
        for column, values in costs.values.items()
        for variant in values
    ]
    frame = pd.DataFrame(rows, columns=list(COST_COLUMNS))
    verdicts = pd.Series([row["verdict"] for row in rows], dtype=object, index=frame.index)
    numbers = dict.fromkeys(NUMBERS, "float64")
    return frame.astype({**numbers, "rounds": "Int64", "samples": "Int64"}).assign(verdict=verdicts)


def cost_badges(costs: Costs) -> dict[str, str]:
    """Variant -> the badges that its own costs put on its row."""
    return {
        variant: join_badges(name for column in costs.values for name in _badges(costs, column, variant, None))
        for variant in costs.measured
    }


def _missing(own: VariantCosts, columns: Sequence[str]) -> Iterator[str]:
    """The columns that `problems` are about: a problem names its column, or the metric that columns belong to."""
    for name in own.problems:
        if name not in METRICS:
            yield name
            continue
        of_metric = METRICS[name].columns
        absent = [column for column in columns if column_name(column).base in of_metric and column not in own.columns]
        yield from absent or [column for column in of_metric if column not in EXACT][:1]


def _row(costs: Costs, column: str, variant: str, baseline: str | None) -> dict[str, Any]:
    values, own = costs.values[column], costs.measured[variant]
    row = {
        "variant": variant,
        "baseline": baseline or "",
        "metric": column,
        "value": values[variant],
        "samples": own.samples.get(column),
        "spread": own.spread.get(column),
        "verdict": None,
        "badges": join_badges(_badges(costs, column, variant, baseline)),
        **_middle(own, column),
    }
    if baseline is None or baseline not in values or column_name(column).base in PERCENTILES:
        return row
    other = costs.measured[baseline]
    if column in own.rounds and column in other.rounds:
        return row | _within_rounds(column, own, other)
    return row | {"ratio": values[variant] / values[baseline] if values[baseline] else math.nan}


def _middle(own: VariantCosts, column: str) -> dict[str, Any]:
    if column not in own.rounds:
        return {}
    numbers = [math.nan if value is None else value for value in own.rounds[column]]
    found = over_processes(numbers, PROCESSES)
    return {"rounds": found.n, "value_ci_low": found.low, "value_ci_high": found.high}


def _within_rounds(column: str, own: VariantCosts, baseline: VariantCosts) -> dict[str, Any]:
    found = ratio(own.rounds[column], baseline.rounds[column], PROCESSES)
    base = column_name(column).base
    return {
        "ratio": found.median,
        "ratio_ci_low": found.low,
        "ratio_ci_high": found.high,
        "rounds": found.n,
        "verdict": cost_verdict(found, DIRECTIONS[base]) if base in DIRECTIONS else None,
    }


def _badges(costs: Costs, column: str, variant: str, baseline: str | None) -> Iterator[str]:
    """What weakens the row of `column`; a noisy baseline weakens the ratios to it too."""
    sides = [costs.measured[name].spread for name in (variant, baseline) if name is not None]
    if any(column in spread and spread[column] > NOISE_GATE for spread in sides):
        yield NOISY_COST
    if column in ("macs", SECOND_COUNT) and _counters_disagree(costs, variant):
        yield COUNTERS_DISAGREE
    values = costs.values[column]
    absent = variant in values and math.isnan(values[variant])
    # `macs` is a metric there, whose second count has a column of its own.
    named = column not in METRICS and column in costs.measured[variant].problems
    if absent or named:
        yield COST_MISSING


def _counters_disagree(costs: Costs, variant: str) -> bool:
    second = costs.measured[variant].columns
    return SECOND_COUNT in second and second[SECOND_COUNT] != costs.values["macs"][variant]
