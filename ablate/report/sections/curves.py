"""Learning curves: what training looked like, epoch by epoch."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ablate.records import Results
from ablate.report.derive import Tables
from ablate.report.document import Block, CurveChart, Estimate, Heading, Line, LinePanel
from ablate.report.drawing import called, levels_alone, mean_estimate, told

MOST_LINES = 6
FILE = "figures/curves.svg"


class Watched(NamedTuple):
    """A column of the curves: how its panel is headed, and what its numbers are multiplied by."""

    title: str
    scale: float


WATCHED = {
    "train_loss": Watched("training loss (nats)", 1.0),
    "train_accuracy": Watched("training accuracy (%)", 100.0),
    "validation_loss": Watched("validation loss (nats)", 1.0),
}
SUMMARY = (
    "Means over seeds with the band of their 95 % interval. Training numbers are those of the batches as they were "
    "trained on, augmented; the test images play no part in them."
)


def curves_section(results: Results, tables: Tables) -> list[Block]:
    watched = [column for column in WATCHED if column in tables.curves and tables.curves[column].notna().any()]
    if not watched or tables.curves["epoch"].max() < 2:
        return []
    drawn = _chosen(results, tables)
    curves = tables.curves[tables.curves["variant"].isin(drawn)]
    chart = CurveChart(
        title="Learning curves",
        unit="",
        file=FILE,
        summary=SUMMARY
        + told(len(drawn), len(tables.variants), "the baseline, then the most and least accurate")
        + called(results.plan),
        panels=tuple(_panel(curves, column, drawn) for column in watched),
    )
    return [Heading("Learning curves"), chart]


def _chosen(results: Results, tables: Tables) -> list[str]:
    """Variants that have a curve, all of them or MOST_LINES: the baseline, and by turns the best and the worst left."""
    having = set(tables.curves["variant"])
    rows = tables.variants[tables.variants["variant"].isin(having)]
    ordered = rows.sort_values("accuracy_mean", ascending=False, kind="stable")["variant"].tolist()
    first = [tables.baseline] if tables.baseline in having else []
    left = [name for name in ordered if name not in first]
    ends = [name for pair in zip(left, reversed(left), strict=True) for name in pair]
    chosen = set(list(dict.fromkeys([*first, *ends]))[:MOST_LINES])
    return [name for name in rows["variant"] if name in chosen]


def _panel(curves: pd.DataFrame, column: str, variants: list[str]) -> LinePanel:
    shown = WATCHED[column]
    lines = (_line(curves[curves["variant"] == name], column, levels_alone(name), shown.scale) for name in variants)
    return LinePanel(shown.title, "epoch", tuple(line for line in lines if line.x))


def _line(curves: pd.DataFrame, column: str, label: str, scale: float) -> Line:
    """An estimate an epoch, over the seeds that came so far."""
    estimates: dict[int, Estimate] = {}
    for epoch, values in curves.groupby("epoch", sort=True)[column]:
        found = mean_estimate(values.to_numpy(dtype=np.float64), scale)
        if found is not None:
            estimates[int(str(epoch))] = found
    return Line(label, tuple(estimates), tuple(estimates.values()))
