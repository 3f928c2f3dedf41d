"""The ladder of effects: each change alone against the baseline, the largest gain at the top."""

from collections.abc import Mapping
from typing import Any

from ablate.measure import DIRECTIONS
from ablate.records import Results
from ablate.report.contrasting import crosses_factors
from ablate.report.derive import Tables
from ablate.report.document import Block, Heading, LadderChart, Rung
from ablate.report.drawing import both_ends, called, interval, levels_alone, primary_rows, scaled, told
from ablate.report.numbers import ABSENT, quantity, show_difference, show_interval

MOST_RUNGS = 40
FILE = "figures/ladder.svg"
SUMMARY = (
    "Each row is one variant minus the baseline, with its 95 % interval over seeds as a thick line, sorted from best "
    "to worst; the vertical line is no difference. Colour and mark give the verdict, which is corrected for the "
    "number of tests while the intervals are not."
)
WIDER = " The thin line is the interval over seeds and test images together."
MARGIN = " The grey band is the margin within which a difference does not matter."


def ladder_section(results: Results, tables: Tables) -> list[Block]:
    if crosses_factors(results.plan):
        return []
    rows = primary_rows(results, tables)
    drawn = both_ends(rows, MOST_RUNGS)
    if not drawn:
        return []
    study, primary = results.plan["study"], results.plan["study"]["primary"]
    if DIRECTIONS[primary] == "lower":
        drawn.reverse()
    rungs = tuple(_rung(row, primary) for row in drawn)
    margin = scaled(primary, study["margin"][primary]) if primary in study["margin"] else None
    summary = SUMMARY + (WIDER if any(rung.wider for rung in rungs) else "") + (MARGIN if margin is not None else "")
    chart = LadderChart(
        title=f"Effect of each change on {primary.replace('_', ' ')}",
        unit=quantity(primary).difference_unit,
        file=FILE,
        summary=summary
        + told(len(drawn), len(rows), "those with the highest and the lowest differences")
        + called(results.plan),
        baseline=" and ".join(dict.fromkeys(levels_alone(row["baseline"]) for row in drawn)),
        margin=margin,
        rungs=rungs,
    )
    return [Heading("Effects"), chart]


def _rung(row: Mapping[Any, Any], metric: str) -> Rung:
    wider = interval(metric, row["difference"], row["images_ci_low"], row["images_ci_high"])
    shown = (show_difference(metric, row["difference"]), show_interval(metric, row["ci_low"], row["ci_high"]))
    return Rung(
        label=levels_alone(row["variant"]),
        difference=interval(metric, row["difference"], row["ci_low"], row["ci_high"]),
        wider=None if wider.low is None else wider,
        verdict=row["verdict"] or "",
        numbers=" ".join(text for text in shown if text != ABSENT),
    )
