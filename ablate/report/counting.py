"""The tables of a study that only counts, and the chart of what its sources print of parameters."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.conclusions import CLAIM_COLUMNS, CONTRAST_COLUMNS
from ablate.analysis.counting import Counted, judge
from ablate.errors import ResultsError
from ablate.records import Results
from ablate.report.costing import costs_of, costs_table, exact_costs, measured_columns
from ablate.report.document import Bar, BarChart, Panel
from ablate.schema import CountClaim, claim_from_json

ACCURACY = ("accuracy_mean", "accuracy_sd", "accuracy_ci_low", "accuracy_ci_high")
COUNT_CLAIM_COLUMNS = (*CLAIM_COLUMNS[:-1], "system", "reason", CLAIM_COLUMNS[-1])
FIGURE = "figures/parameters.svg"
SUMMARY = (
    "Two bars a system: its parameters as counted here, and as the source that heads the panel prints them, for every "
    "source that prints those of at least three systems."
)
FEWEST_BARS = 3  # fewer are read faster in the table
MILLION = 1e6


def count_tables(results: Results, baseline: str | None = None) -> dict[str, pd.DataFrame]:
    """The fields of `derive.Tables`: what training gives is empty, and every claim is about a count.

    Nothing is compared, so that costs have no ratio, and nothing is concluded from them, so that rows have no badge.

    In `claims` the metric is a quantity, `measured` what the claim's own count gives, and the interval empty, since a
    count has none. Raises `ResultsError` for a `baseline`, of which counts have no use.
    """
    if baseline is not None:
        raise ResultsError(f"baseline {baseline!r} has no use here: the study counts networks and compares none")
    return {
        "trials": results.trials,
        "variants": _variants(results),
        "contrasts": pd.DataFrame(columns=list(CONTRAST_COLUMNS)),
        "costs": costs_table(costs_of(results), baselines={}).assign(badges=""),
        "claims": _claims(results),
        "curves": results.curves,
    }


def count_claims(plan: dict[str, Any]) -> list[CountClaim]:
    """The claims of a count study, in its order."""
    claims = [claim_from_json(claim) for claim in plan["study"]["claims"]]
    return [claim for claim in claims if isinstance(claim, CountClaim)]


def parameter_chart(results: Results) -> BarChart | None:
    """The parameters of every source that prints those of FEWEST_BARS systems, beside those that were counted."""
    claims = count_claims(results.plan)
    panels = [_panel(source, claims, results.plan) for source in dict.fromkeys(claim.source for claim in claims)]
    drawn = tuple(panel for panel in panels if len(panel.bars) >= FEWEST_BARS)
    title, unit = "Parameters, measured and as printed", "million parameters"
    return BarChart(title, unit, FIGURE, SUMMARY, drawn) if drawn else None


def _panel(source: str, claims: list[CountClaim], plan: dict[str, Any]) -> Panel:
    params = {variant["variant"]: variant["params"] for variant in plan["variants"]}
    of_source = [claim.count for claim in claims if claim.source == source]
    counts = [count for count in of_source if count.quantity == "params" and count.over is None]
    bars = (Bar(count.system, params[count.system] / MILLION, count.published / MILLION) for count in counts)
    return Panel(source, tuple(bars))


def _claims(results: Results) -> pd.DataFrame:
    counted: Counted = {variant["variant"]: variant["quantities"] for variant in results.plan["variants"]}
    frame = pd.DataFrame(_claim_rows(results.plan, counted), columns=list(COUNT_CLAIM_COLUMNS))
    return frame.astype(dict.fromkeys(("published", "measured", "ci_low", "ci_high"), "float64"))


def _claim_rows(plan: dict[str, Any], counted: Counted) -> Iterator[dict[str, Any]]:
    for claim in count_claims(plan):
        judged, count = judge(claim, counted), claim.count
        yield {
            "id": claim.id,
            "source": claim.source,
            "metric": count.quantity,
            "published": count.published,
            "measured": np.nan if judged.measured is None else judged.measured,
            "ci_low": np.nan,
            "ci_high": np.nan,
            "verdict": judged.verdict,
            "system": count.system if count.over is None else f"{count.system} over {count.over}",
            "reason": judged.reason,
            "badges": "",
        }


def _variants(results: Results) -> pd.DataFrame:
    plan = results.plan
    rows = [
        {
            "variant": variant["variant"],
            **{factor["column"]: variant["levels"][factor["path"]] for factor in plan["factors"]},
            "n": 0,
            **dict.fromkeys(ACCURACY, np.nan),
        }
        for variant in plan["variants"]
    ]
    parts = [pd.DataFrame(rows), exact_costs(plan), measured_columns(results)]
    return pd.concat(parts, axis="columns").assign(badges="")
