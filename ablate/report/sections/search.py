"""What a search tried, and what is left of its numbers once the front has run over all seeds."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.pareto import unbeaten
from ablate.measure import METRICS
from ablate.records import Results, canonical, levels_of
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import column_name, quantity, show, show_mean, show_ratio
from ablate.report.searching import VALUES, search_table
from ablate.schema import value_of

MOST_ROWS = 60
SEEN = {
    "accuracy": "validation accuracy in the search (%)",
    "test_loss": "validation loss in the search (nats)",
    "latency_ratio": "latency in the search (x baseline's)",
}
SAMPLERS = {"tpe": "TPE", "nsga2": "NSGA-II", "random": "Chance"}
CAPTION = "The front of the search: what the search saw of it, and what its final trials reached"
TRIED = "What was tried, by {objective}"
NOTHING = "No combination that is allowed came to an end with a score: the baseline stands alone."
METHOD = (
    "A search sees every combination once, on images held out of the training split, and keeps the best of many: its "
    "numbers are too good. {some} therefore ran again over all seeds, trained on the whole training split and scored "
    "on the test split; their costs were measured anew, side by side. Conclusions rest on these."
)


def search_section(results: Results, tables: Tables) -> list[Block]:
    if "searched" not in results.plan:
        return []
    tried = search_table(results.plan)
    if not (tried["state"] == "complete").any():
        return [Heading("Search"), Paragraph(_told(results.plan)), Paragraph(NOTHING)]
    return [
        Heading("Search"),
        Paragraph(_told(results.plan)),
        _front(results.plan, tables),
        Paragraph(METHOD.format(some=_some(results.plan, tried))),
        _tried(results.plan, tried),
    ]


def _told(plan: Mapping[str, Any]) -> str:
    stated, trials = plan["study"]["search"], plan["searched"]["trials"]
    counted = Counter(trial["state"] for trial in trials)
    ends = ", ".join(f"{count} {state}" for state, count in counted.items())
    objectives = " and ".join(quantity(name).header for name in stated["objectives"])
    bounds = f", bounded by {' and '.join(stated['constraints'])}" if stated["constraints"] else ""
    told = f"{SAMPLERS[stated['sampler']]} proposed {len(trials)} combinations for {objectives}{bounds}: {ends}."
    wrong = [trial["why"] for trial in trials if "why" in trial]
    if not wrong:
        return told
    return f"{told} {len(wrong)} of the infeasible could not be built; the first: {wrong[0]}"


def _front(plan: Mapping[str, Any], tables: Tables) -> Table:
    seen = {canonical(trial["levels"]): trial["values"] for trial in plan["searched"]["trials"] if trial["front"]}
    names = {canonical(levels_of(dict(plan), each)): each["variant"] for each in plan["variants"]}
    reached = tables.variants.set_index("variant")
    ratios = _latency_ratios(tables)
    columns = [Column("variant", "left"), Column(SEEN["accuracy"]), Column("accuracy (%)")]
    timed = any("latency_ratio" in values for values in seen.values())
    if timed:
        columns += [Column(SEEN["latency_ratio"]), Column("latency (x baseline's)")]
    rows = []
    for levels, name in names.items():
        if levels in seen:
            latencies = (seen[levels]["latency_ratio"], ratios[name]) if timed else ()
            cells = (_value("accuracy", seen[levels]["accuracy"]), _reached(reached.loc[name]))
            rows.append((name, *cells, *(_value("latency_ratio", ratio) for ratio in latencies)))
    return Table(tuple(columns), tuple(rows), CAPTION)


def _tried(plan: Mapping[str, Any], tried: pd.DataFrame) -> Table:
    """Those that were trained to the end, by the first objective."""
    first = value_of(plan["study"]["search"]["objectives"][0])
    whole = tried[tried["state"] == "complete"].sort_values([first, "trial"], ascending=[first != "accuracy", True])
    levels = [factor["column"] for factor in plan["factors"]]
    values = [name for name in VALUES if name in tried.columns]
    columns = (
        Column("trial"),
        *(Column(name, "left") for name in levels),
        *(Column(_header(name)) for name in values),
        Column("ran again", "left"),
    )
    rows = tuple(
        (
            str(row["trial"]),
            *(str(row[name]) for name in levels),
            *(_value(name, row[name]) for name in values),
            "yes" if row["front"] else "",
        )
        for row in whole.head(MOST_ROWS).to_dict("records")
    )
    of = f" ({MOST_ROWS} of {len(whole)})" if len(whole) > MOST_ROWS else ""
    told = TRIED.format(objective=plan["study"]["search"]["objectives"][0].replace("_", " "))
    return Table(columns, rows, f"{told}{of}")


def _some(plan: Mapping[str, Any], tried: pd.DataFrame) -> str:
    """Which of those that no other beats ran again."""
    objectives = plan["study"]["search"]["objectives"]
    signs = [-1 if METRICS[name].direction == "higher" else 1 for name in objectives]
    whole = tried[tried["state"] == "complete"].drop_duplicates([factor["column"] for factor in plan["factors"]])
    losses = whole[[value_of(name) for name in objectives]].to_numpy(np.float64) * signs
    front, again = int(unbeaten(losses).sum()), int(tried["front"].sum())
    if again >= front:
        return "The combinations that no other is as good as in every objective, and better in one,"
    first = objectives[0].replace("_", " ")
    return f"Of the {front} combinations that no other beats, {again}, spread evenly by {first},"


def _header(name: str) -> str:
    return SEEN[name] if name in SEEN else quantity(name).header


def _value(name: str, value: float) -> Cell:
    return Cell(show_ratio(value) if name == "latency_ratio" else show(name, value), value)


def _latency_ratios(tables: Tables) -> dict[str, float]:
    """Variant -> its latency in that of the baseline, 1 for the baseline, NaN where it was not measured."""
    timed = tables.costs[tables.costs["metric"].map(lambda name: column_name(name).base == "latency_ms_p50")]
    measured = {
        row["variant"]: 1.0 if row["baseline"] == "" else row["ratio"]
        for row in timed.drop_duplicates("variant").to_dict("records")
    }
    return {**dict.fromkeys(tables.variants["variant"], math.nan), **measured}


def _reached(row: Mapping[Any, Any]) -> Cell:
    low, high = row["accuracy_ci_low"], row["accuracy_ci_high"]
    return Cell(show_mean("accuracy", row["accuracy_mean"], low, high), row["accuracy_mean"])
