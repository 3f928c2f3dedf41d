"""Every seed by itself: what the baseline gave, and what the variant gave under the same seed."""

from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.factorial import Contrast
from ablate.analysis.pairing import by_seed
from ablate.measure import DIRECTIONS
from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, Heading, SeedChart, SeedPair, SeedPanel
from ablate.report.drawing import apart, both_ends, called, levels_alone, primary_rows, scaled, told
from ablate.report.numbers import quantity

MOST_PANELS = 12
FILE = "figures/seeds.svg"
SUMMARY = (
    "Each thin line is one seed, from the baseline on the left to what is compared with it on the right; the thick "
    "line is their mean. Lines that run the same way say that the difference does not hang on the seed."
)


def seeds_section(results: Results, tables: Tables) -> list[Block]:
    rows = primary_rows(results, tables)
    drawn = both_ends(rows, MOST_PANELS)
    if not drawn:
        return []
    primary = results.plan["study"]["primary"]
    contrast_of = {(each.variant, each.baseline): each for each in tables.tested}
    values = by_seed(tables.planned, primary)
    chart = SeedChart(
        title=f"Seed by seed: {primary.replace('_', ' ')}",
        unit=quantity(primary).header,
        file=FILE,
        summary=SUMMARY
        + told(len(drawn), len(rows), "those with the highest and the lowest differences")
        + called(results.plan),
        better=DIRECTIONS[primary],
        panels=tuple(_panel(contrast_of[row["variant"], row["baseline"]], values, primary) for row in drawn),
    )
    return [Heading("Seed by seed"), chart]


def _panel(contrast: Contrast, values: pd.DataFrame, metric: str) -> SeedPanel:
    """Both sides of `contrast` at every seed that has all of its variants; a side may be an average of several."""
    complete = values[list(contrast.weights)].dropna()
    sides = [_side(contrast, complete, sign) for sign in (-1, 1)]
    pairs = zip(complete.index, *sides, strict=True)
    common, variant, baseline = apart(contrast.variant, contrast.baseline)
    is_effect = len(contrast.weights) > 2
    return SeedPanel(
        title=f"{common} {variant}".strip() if is_effect else levels_alone(contrast.variant),
        baseline=baseline,
        variant=variant,
        pairs=tuple(SeedPair(int(seed), scaled(metric, left), scaled(metric, right)) for seed, left, right in pairs),
    )


def _side(contrast: Contrast, values: pd.DataFrame, sign: int) -> Any:
    weights = {variant: float(weight) for variant, weight in contrast.weights.items() if weight * sign > 0}
    return np.abs(values[list(weights)].to_numpy() @ np.array(list(weights.values())))
