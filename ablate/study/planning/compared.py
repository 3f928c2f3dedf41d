"""What a plan compares on its primary metric, from the records there are: its contrasts and its claims, as the report
will have them."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ablate.analysis.claims import TestedClaim, claim_weights
from ablate.analysis.factorial import Weights
from ablate.analysis.pairing import Comparison, by_seed, compare
from ablate.records import finished_keys, load_record
from ablate.report.contrasting import baseline_contrasts, cells_in
from ablate.schema import CountClaim, claim_from_json
from ablate.study.planning.plan import Plan
from ablate.study.reading.claims import claims_json


def primary_values(plan: Plan, folder: Path) -> pd.DataFrame:
    """The primary metric as a table of seeds x variants; NaN where there is no number."""
    finished = finished_keys(folder)
    rows = [
        {
            "variant": planned.variant.name,
            "seed": seed,
            "value": _value(plan, folder, key) if key in finished else math.nan,
        }
        for planned in plan.variants
        for seed, key in planned.keys.items()
    ]
    return by_seed(pd.DataFrame(rows, columns=["variant", "seed", "value"]), "value")


def compared(plan: Plan, values: pd.DataFrame, seeds: Sequence[int]) -> list[Comparison]:
    """Every contrast, then every claim, on the primary metric over `seeds` of `values`; what compares nothing is left
    out. Two of them may be one test (see `Comparison.identity`)."""
    weighed = [*_contrasts(plan), *_claims(plan)]
    rows = values.loc[list(seeds)]
    return [compare(rows, plan.study.config.primary, weights) for weights in weighed if weights]


def half_widths(plan: Plan, folder: Path) -> Callable[[Sequence[int]], list[float]]:
    """Over some seeds, half of every 95 % interval of `compared`, in the metric's unit; NaN for under two pairs."""
    values = primary_values(plan, folder)

    def widths(seeds: Sequence[int]) -> list[float]:
        return [(each.effect.ci_high - each.effect.ci_low) / 2 for each in compared(plan, values, seeds)]

    return widths


def primary_claims(plan: Plan) -> list[TestedClaim]:
    """The claims about the primary metric, their levels by name."""
    claims = [claim_from_json(claim) for claim in claims_json(plan.study.claims)]
    trained = [claim for claim in claims if not isinstance(claim, CountClaim)]
    return [claim for claim in trained if claim.metric in (None, plan.study.config.primary)]


def _contrasts(plan: Plan) -> list[Weights]:
    return [contrast.weights for contrast in baseline_contrasts(plan.as_json())]


def _claims(plan: Plan) -> list[Weights]:
    columns = {factor.path_or_name: factor.column for factor in plan.study.factors}
    cells = cells_in(plan.as_json())
    return [claim_weights(cells, claim, columns) for claim in primary_claims(plan)]


def _value(plan: Plan, folder: Path, key: str) -> float:
    record = load_record(folder, key)
    value = None if record is None else record.metrics[plan.study.config.primary]
    return math.nan if value is None else value
