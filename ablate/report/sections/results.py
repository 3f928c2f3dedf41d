"""The tables people come for: every variant with its accuracy, costs, difference and verdict, and main effects."""

import math
from collections.abc import Mapping
from typing import Any

from ablate.records import Results
from ablate.report.badges import merge_badges
from ablate.report.budgets import GAIN, RATIOS, times, tuned_columns
from ablate.report.contrasting import crosses_factors, in_own_condition
from ablate.report.costing import EXACT
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, column_name, quantity, show, show_difference, show_interval, show_mean
from ablate.schema.columns import TUNED_PREFIX

MEANS = "Accuracies are in per cent with half the width of their own 95 % interval."
PAIRED = "Differences are paired by seed, in {unit}, with their 95 % interval."
COUNTED = (
    "MACs are multiply-adds of convolutions and linear layers for one image, half of what is elsewhere counted as "
    "FLOPs. Under Costs stand the other costs, intervals and conditions."
)
AT_LARGEST = "Images a second, memory and energy are at batch {batch}, in fp32; a training step is SGD with momentum."

LATENCY = "latency_ms_p50"
LARGEST = ("inference_images_per_second", "training_images_per_second", "memory_mib", "energy_joules")
NARROW = (*EXACT, LATENCY, *LARGEST)

SAME = times(1.0)
CAPTION = "Every variant: what it reached, how it differs from the baseline, what it costs"
EFFECTS_CAPTION = "Main effects: what a level changes on average over the other factors"
MAIN_EFFECTS = "Main effects: each level against the baseline's, averaged over the levels of the other factors."


def results_section(results: Results, tables: Tables) -> list[Block]:
    return [Heading("Results"), *result_tables(results, tables), Paragraph(_conventions(results, tables))]


def _conventions(results: Results, tables: Tables) -> str:
    """What the columns that are there mean."""
    primary = results.plan["study"]["primary"]
    paired = [] if tables.contrasts.empty else [PAIRED.format(unit=quantity(primary).difference_unit)]
    at_largest = []
    if results.cost_group is not None and any(column_name(each).base in LARGEST for each in cost_columns(tables)):
        at_largest = [AT_LARGEST.format(batch=max(results.cost_group.conditions["batch_sizes"]))]
    return " ".join([MEANS, *paired, COUNTED, *at_largest])


def result_tables(results: Results, tables: Tables) -> list[Block]:
    """The table of variants and, where factors are crossed, that of the main effects beneath it."""
    variants, effects = results_table(results, tables), effects_table(results, tables)
    return [variants, Paragraph(MAIN_EFFECTS), effects] if effects.rows else [variants]


def results_table(results: Results, tables: Tables) -> Table:
    """One row a variant. The columns for difference and verdict are there when variants are tested one by one."""
    primary = results.plan["study"]["primary"]
    of_variants = tables.contrasts["variant"].isin(tables.variants["variant"])
    tested = in_own_condition(tables.contrasts[of_variants & (tables.contrasts["metric"] == primary)])
    contrast_of = {row["variant"]: row for row in tested.to_dict("records")}
    costs = cost_columns(tables)
    metrics = list(dict.fromkeys(["accuracy", primary]))
    means = [Column(quantity(metric).header) for metric in metrics]
    verdict = [Column("difference"), Column("verdict", "left", "verdict")] if contrast_of else []
    headers = [Column(quantity(column).header) for column in costs]
    given = given_columns(results, tables)
    asked = [Column(header) for header in given]
    columns = (Column("variant", "left"), Column("n"), *means, *verdict, *asked, *headers, Column("badges", "left"))
    baselines = set(tested["baseline"]) or {tables.baseline}
    rows = tuple(
        (
            _name(row["variant"], baselines),
            Cell(str(row["n"]), row["n"]),
            *(_mean(row, metric) for metric in metrics),
            *(_verdict_cells(contrast_of, row["variant"], primary) if contrast_of else ()),
            *(_given(values[row["variant"]]) for values in given.values()),
            *(_cost(column, row) for column in costs),
            _badges(row, contrast_of),
        )
        for row in tables.variants.to_dict("records")
    )
    marked = frozenset(number for number, name in enumerate(tables.variants["variant"]) if name in baselines)
    return Table(columns, rows, CAPTION, name="results", marked=marked)


def effects_table(results: Results, tables: Tables) -> Table:
    """One row a main effect: the level, what it is compared with, and by how much accuracy and counts differ.

    Without rows where no factors are crossed.
    """
    primary = results.plan["study"]["primary"]
    rows = tables.contrasts.to_dict("records") if crosses_factors(results.plan) else []
    exact = {(row["variant"], row["metric"]): row["difference"] for row in rows if row["metric"] in EXACT}
    counts = [Column(f"{quantity(metric).header}, difference") for metric in EXACT]
    difference = Column(f"{primary.replace('_', ' ')}, difference ({quantity(primary).difference_unit})")
    columns = (Column("level", "left"), Column("against", "left"), Column("n"), difference)
    return Table(
        (*columns, Column("verdict", "left", "verdict"), *counts, Column("badges", "left")),
        tuple(
            (
                row["variant"],
                row["baseline"],
                Cell(str(row["n"]), row["n"]),
                *_difference_cells(row, primary),
                *(_exact_cell(metric, exact[row["variant"], metric]) for metric in EXACT),
                row["badges"].replace(";", ", "),
            )
            for row in rows
            if row["metric"] == primary
        ),
        EFFECTS_CAPTION,
        name="main-effects",
    )


def given_columns(results: Results, tables: Tables) -> dict[str, dict[str, float]]:
    """Header -> variant -> number, of what equal budgets have settled and of steps that are not alike."""
    matched = results.plan["matched"]["variants"] if "matched" in results.plan else {}
    widths = {name: found["width"] for name, found in matched.items()}
    tuned = {
        each["variant"]: tuned_columns(each, results.plan["study"]["primary"]) for each in results.plan["variants"]
    }
    untuned = {name: math.nan for own in tuned.values() for name in own if name != GAIN}
    chosen = {
        f"{name.removeprefix(TUNED_PREFIX).replace('_', ' ')}, tuned": {
            variant: {**untuned, **own}[name] for variant, own in tuned.items()
        }
        for name in untuned
    }
    steps = dict(zip(tables.variants["variant"], tables.variants["training_steps"].tolist(), strict=True))
    uneven = steps if len(set(steps.values())) > 1 else {}
    return {**{header: values for header, values in (("width", widths), ("steps", uneven)) if values}, **chosen}


def cost_columns(tables: Tables) -> list[str]:
    """The costs that a narrow table shows: of every kind the one that is asked for first.

    Parameters and MACs, the median latency of batch 1 and of the largest batch, images per second, what a training
    step holds, energy; in eager mode, or in the first that was measured.
    """
    named = {column: column_name(column) for column in tables.variants.columns}
    shown = {column: name for column, name in named.items() if name.base in NARROW}
    modes = [name.mode for name in shown.values() if name.base not in EXACT]
    mode = None if None in modes or not modes else modes[0]
    batches = [name.batch or 1 for name in shown.values() if name.base == LATENCY]
    return [
        column
        for column, name in shown.items()
        if (name.base in EXACT or name.mode == mode)
        and (name.base != LATENCY or (name.batch or 1) in (1, max(batches)))
    ]


def _name(variant: str, baselines: set[str]) -> str:
    return f"{variant} (baseline)" if variant in baselines else variant


def _badges(row: Mapping[Any, Any], contrast_of: Mapping[str, Mapping[Any, Any]]) -> str:
    """The badges of the variant and, since its verdict stands in the row, of its contrast."""
    contrast = contrast_of[row["variant"]]["badges"] if row["variant"] in contrast_of else ""
    return merge_badges(row["badges"], contrast).replace(";", ", ")


def _mean(row: Mapping[Any, Any], metric: str) -> Cell:
    mean = row[f"{metric}_mean"]
    return Cell(show_mean(metric, mean, row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]), mean)


def _given(value: float) -> Cell:
    return Cell(ABSENT if math.isnan(value) else f"{value:,.4g}", value)


def _cost(column: str, row: Mapping[Any, Any]) -> Cell:
    """A cost, and how many times the baseline's it is where that is counted and not the same."""
    shown = show(column, row[column])
    ratio = times(row[RATIOS[column]]) if column in RATIOS else SAME
    return Cell(shown if ratio in (SAME, ABSENT) else f"{shown} ({ratio})", row[column])


def _verdict_cells(contrast_of: Mapping[str, Mapping[Any, Any]], variant: str, metric: str) -> tuple[Cell | str, str]:
    # The baseline sorts among the differences from it as none.
    return _difference_cells(contrast_of[variant], metric) if variant in contrast_of else (Cell(ABSENT, 0.0), ABSENT)


def _difference_cells(row: Mapping[Any, Any], metric: str) -> tuple[Cell, str]:
    difference = show_difference(metric, row["difference"])
    interval = show_interval(metric, row["ci_low"], row["ci_high"])
    shown = difference if interval == ABSENT else f"{difference} {interval}"
    return Cell(shown, row["difference"]), row["verdict"] or ABSENT


def _exact_cell(metric: str, difference: float) -> Cell:
    return Cell(show_difference(metric, difference), difference)
