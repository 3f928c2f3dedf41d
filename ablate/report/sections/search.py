"""What a search tried, and what is left of its numbers once the front has run over all seeds."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ablate.analysis import summarise
from ablate.records import Results, canonical, levels_of
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import column_name, quantity, show, show_mean, show_ratio
from ablate.report.searching import VALUES, objectives_reached, search_table, unbeaten_combinations
from ablate.schema import OBJECTIVES, value_of

MOST_ROWS = 60
HEADERS = {each.column: each.header for each in OBJECTIVES.values()}
LATENCY = "latency (x baseline's)"
SAMPLERS = {"tpe": "TPE", "nsga2": "NSGA-II", "random": "Chance"}
CAPTION = "The front of the search: what the search saw of it, and what its final trials reached"
TRIED = "What was tried, by {objective}"
NOTHING = "No combination that is allowed came to an end with a score: the baseline stands alone."
METHOD = (
    "A search sees every combination once, on images held out of the training split, and keeps the best of many: its "
    "numbers are too good. {combinations} therefore ran again over all seeds, trained on the whole training split and "
    "scored on the test split; their costs were measured anew, side by side. Conclusions rest on these."
)


def search_section(results: Results, tables: Tables) -> list[Block]:
    """Empty for a study without a search, and while its search goes on."""
    plan = results.plan
    if "searched" not in plan:
        return []
    opening: list[Block] = [Heading("Search"), Paragraph(_proposals(plan))]
    if not objectives_reached(plan):
        return [*opening, Paragraph(NOTHING)]
    method = METHOD.format(combinations=_combinations_run_again(plan))
    return [*opening, _front_table(plan, tables), Paragraph(method), _trial_table(plan)]


def _proposals(plan: Mapping[str, Any]) -> str:
    """Who proposed combinations, what they were to be good in, and how their trials ended."""
    stated, trials = plan["study"]["search"], plan["searched"]["trials"]
    counted = Counter(trial["state"] for trial in trials)
    ends = ", ".join(f"{count} {state}" for state, count in counted.items())
    objectives = " and ".join(quantity(name).header for name in stated["objectives"])
    bounds = f", bounded by {' and '.join(stated['constraints'])}" if stated["constraints"] else ""
    summary = f"{SAMPLERS[stated['sampler']]} proposed {len(trials)} combinations for {objectives}{bounds}: {ends}."
    if counted["complete"] > len(objectives_reached(plan)):
        summary = f"{summary} One that came up again is worth the mean of its trials."
    reasons = [trial["why"] for trial in trials if "why" in trial]
    if not reasons:
        return summary
    return f"{summary} {len(reasons)} of the infeasible could not be built; the first: {reasons[0]}"


def _combinations_run_again(plan: Mapping[str, Any]) -> str:
    """The subject of a sentence: all combinations that no other beats, or so many of them."""
    unbeaten, again = len(unbeaten_combinations(plan)), len(plan["searched"]["front"])
    if again >= unbeaten:
        return "The combinations that no other is as good as in every objective, and better in one,"
    first = plan["study"]["search"]["objectives"][0].replace("_", " ")
    return f"Of the {unbeaten} combinations that no other beats, {again}, from the best by {first} to the other end,"


def _front_table(plan: Mapping[str, Any], tables: Tables) -> Table:
    """One row a variant that the search found."""
    front = {canonical(levels) for levels in plan["searched"]["front"]}
    levels = {each["variant"]: canonical(levels_of(dict(plan), each)) for each in plan["variants"]}
    found = {name: own for name, own in levels.items() if own in front}
    columns = _front_columns(plan, tables, found)
    headers = (Column("variant", "left"), *(Column(header) for header in columns))
    return Table(headers, tuple((name, *(own[name] for own in columns.values())) for name in found), CAPTION)


def _front_columns(plan: Mapping[str, Any], tables: Tables, found: Mapping[str, bytes]) -> dict[str, dict[str, Cell]]:
    """Header -> variant -> of every objective what the search saw of it, then what was measured of it since.

    `found`: variant -> its levels, as `objectives_reached` has them.
    """
    reached = objectives_reached(plan)
    columns: dict[str, dict[str, Cell]] = {}
    for name in _objectives_shown(plan):
        objective = OBJECTIVES[name]
        seen = {variant: _value_cell(objective.column, reached[levels][name]) for variant, levels in found.items()}
        columns |= {objective.header: seen, **_measurements(tables, name)}
    return columns


def _objectives_shown(plan: Mapping[str, Any]) -> list[str]:
    """The objectives that may come out otherwise than the search saw; counts, which do not, where there is no other."""
    objectives: list[str] = plan["study"]["search"]["objectives"]
    return [name for name in objectives if OBJECTIVES[name].source != "counted"] or objectives


def _measurements(tables: Tables, objective: str) -> dict[str, dict[str, Cell]]:
    """Header -> variant -> what final trials or the cost phase measured of an objective; empty for a count."""
    match OBJECTIVES[objective].source:
        case "scored":
            rows = summarise(tables.planned, [objective]).to_dict("records")
            return {quantity(objective).header: {row["variant"]: _mean_cell(row, objective) for row in rows}}
        case "timed":
            ratios = _latency_ratios(tables)
            return {LATENCY: {name: _value_cell(value_of(objective), ratio) for name, ratio in ratios.items()}}
        case "counted":
            return {}


def _trial_table(plan: Mapping[str, Any]) -> Table:
    """One row a trial that came to an end, the best by the first objective first, of very many these."""
    tried = search_table(plan)
    first = plan["study"]["search"]["objectives"][0]
    best_first = [OBJECTIVES[first].direction == "lower", True]
    whole = tried[tried["state"] == "complete"].sort_values([value_of(first), "trial"], ascending=best_first)
    levels = [factor["column"] for factor in plan["factors"]]
    values = [name for name in VALUES if name in tried.columns]
    columns = (
        Column("trial"),
        *(Column(name, "left") for name in levels),
        *(Column(HEADERS[name]) for name in values),
        Column("ran again", "left"),
    )
    rows = tuple(
        (
            str(row["trial"]),
            *(str(row[name]) for name in levels),
            *(_value_cell(name, row[name]) for name in values),
            "yes" if row["front"] else "",
        )
        for row in whole.head(MOST_ROWS).to_dict("records")
    )
    of = f" ({MOST_ROWS} of {len(whole)})" if len(whole) > MOST_ROWS else ""
    return Table(columns, rows, f"{TRIED.format(objective=first.replace('_', ' '))}{of}")


def _value_cell(column: str, value: float) -> Cell:
    """The value of an objective in its own column's notation."""
    return Cell(show_ratio(value) if column == value_of("latency") else show(column, value), value)


def _mean_cell(row: Mapping[Any, Any], metric: str) -> Cell:
    """A variant's mean over its seeds with half the width of its interval."""
    mean = row[f"{metric}_mean"]
    return Cell(show_mean(metric, mean, row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]), mean)


def _latency_ratios(tables: Tables) -> dict[str, float]:
    """Variant -> its latency in that of the baseline, 1 for the baseline, NaN where it was not measured."""
    timed = tables.costs[tables.costs["metric"].map(lambda name: column_name(name).base == "latency_ms_p50")]
    measured = {
        row["variant"]: 1.0 if row["baseline"] == "" else row["ratio"]
        for row in timed.drop_duplicates("variant").to_dict("records")
    }
    return {**dict.fromkeys(tables.variants["variant"], math.nan), **measured}
