"""From tables to what charts hold: estimates in the unit shown, and which of many are drawn."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.effects import half_interval
from ablate.records import Results, shared_places
from ablate.report.contrasting import tested_factors
from ablate.report.derive import Tables
from ablate.report.document import Estimate
from ablate.report.numbers import quantity


def primary_rows(results: Results, tables: Tables) -> list[dict[Any, Any]]:
    """The contrasts on the primary metric that have a difference, the largest gain in that metric's number first."""
    of_primary = tables.contrasts["metric"] == results.plan["study"]["primary"]
    rows = tables.contrasts[of_primary & tables.contrasts["difference"].notna()].to_dict("records")
    return sorted(rows, key=lambda row: -row["difference"])


def by_condition(plan: dict[str, Any], rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`rows`, which have the factors' columns, by the levels of the conditions, and named by them.

    What met different images is never compared; what is matched stands beside the baseline that it is matched to. One
    entry without a name where there are no conditions.
    """
    tested = tested_factors(plan)
    columns = [factor["column"] for factor in plan["factors"] if factor["path"] not in tested]
    if not columns:
        return {"": rows}
    rows = pd.concat([rows, *_shared(plan, rows)])
    names = rows[columns].apply(lambda row: ",".join(f"{column}={row[column]}" for column in columns), axis=1)
    return {name: rows[names == name] for name in dict.fromkeys(names)}


def _shared(plan: dict[str, Any], rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows of variants that stand for further levels, once more with each of these."""
    for variant in plan["variants"]:
        own = rows[rows["variant"] == variant["variant"]]
        for levels in shared_places(variant):
            yield own.assign(**{factor["column"]: levels[factor["path"]] for factor in plan["factors"]})


def both_ends(rows: Sequence[dict[Any, Any]], most: int) -> list[dict[Any, Any]]:
    """The first and the last of `rows`, `most` in all."""
    if len(rows) <= most:
        return list(rows)
    return [*rows[: most - most // 2], *rows[len(rows) - most // 2 :]]


def told(drawn: int, known: int, chosen: str) -> str:
    """A sentence that says which are drawn, with a blank before it; empty where all are."""
    return f" {drawn} of {known} are drawn: {chosen}." if drawn < known else ""


def apart(variant: str, baseline: str) -> tuple[str, str, str]:
    """What both sides of a contrast have in common, and what is left of each: `at x=1, f`, `level`, `other level`.

    Names without `=` have nothing in common.
    """
    ours, theirs = variant.split(","), baseline.split(",")
    if len(ours) != len(theirs) or "=" not in variant or "=" not in baseline:
        return "", variant, baseline
    common = [own for own, other in zip(ours, theirs, strict=True) if own == other]
    differing = [(own, other) for own, other in zip(ours, theirs, strict=True) if own != other]
    if any(_factor(own) != _factor(other) for own, other in differing):
        return ", ".join(common), _rest(ours, common), _rest(theirs, common)
    if len(differing) > 1:
        return ", ".join(common), levels_alone(_rest(ours, common)), levels_alone(_rest(theirs, common))
    own, other = differing[0]
    return ", ".join([*common, _factor(own)]), own.partition("=")[2], other.partition("=")[2]


def levels_alone(name: str) -> str:
    """`none, 4` for `mid_activation=none,segments=4`, as charts call a variant."""
    return ", ".join(part.rpartition("=")[2] for part in name.split(","))


def called(plan: dict[str, Any]) -> str:
    """A sentence that says what the levels in such names are of, with a blank before it; empty for a single factor."""
    columns = [factor["column"] for factor in plan["factors"]]
    return f" Variants are called by their levels of {', '.join(columns)}." if len(columns) > 1 else ""


def _factor(part: str) -> str:
    return part.partition("=")[0]


def _rest(parts: list[str], common: list[str]) -> str:
    return ",".join(part for part in parts if part not in common)


def scaled(metric: str, value: float) -> float:
    """`value` in the unit that `metric` is shown in: per cent for accuracy."""
    return float(value) * quantity(metric).scale


def interval(metric: str, value: float, low: float, high: float) -> Estimate:
    """An estimate in the unit shown; a bound that is NaN is none."""
    if np.isnan(low) or np.isnan(high):
        return Estimate(scaled(metric, value))
    return Estimate(scaled(metric, value), scaled(metric, low), scaled(metric, high))


def mean_estimate(values: NDArray[np.float64], scale: float = 1.0) -> Estimate | None:
    """Mean and 95 % t interval of `values`, of which NaN are left out; None where nothing is left."""
    known = values[~np.isnan(values)] * scale
    if len(known) == 0:
        return None
    mean = float(known.mean())
    if len(known) == 1:
        return Estimate(mean)
    half = half_interval(float(known.std(ddof=1)), len(known))
    return Estimate(mean, mean - half, mean + half)
