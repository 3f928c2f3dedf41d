"""What a search tried, and what is left of its numbers once the front has run over all seeds."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ablate.records import Results, canonical, levels_of
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show, show_mean

CAPTION = "The front of the search: what the search saw of it, and what its final trials reached"
METHOD = (
    "A search sees every combination once, on images held out of the training split, and keeps the best of many: its "
    "numbers are too good. The combinations that no other beat in every objective therefore ran again over all seeds, "
    "trained on the whole training split and scored on the test split; their costs were measured anew, side by side. "
    "Conclusions rest on these."
)


def search_section(results: Results, tables: Tables) -> list[Block]:
    if "searched" not in results.plan:
        return []
    searched = results.plan["searched"]
    seen = {canonical(trial["levels"]): trial["values"] for trial in searched["trials"] if trial["state"] == "complete"}
    columns = (Column("variant", "left"), Column("validation accuracy in the search (%)"), Column("accuracy (%)"))
    found = dict(zip(tables.variants["variant"], tables.variants.to_dict("records"), strict=True))
    rows = tuple(
        (variant["variant"], _seen(seen[levels]), _reached(found[variant["variant"]]))
        for variant in results.plan["variants"]
        if (levels := canonical(levels_of(results.plan, variant))) in seen
    )
    return [Heading("Search"), Paragraph(_told(results.plan)), Table(columns, rows, CAPTION), Paragraph(METHOD)]


def _told(plan: Mapping[str, Any]) -> str:
    stated, trials = plan["study"]["search"], plan["searched"]["trials"]
    counted = Counter(trial["state"] for trial in trials)
    ends = ", ".join(f"{count} {state}" for state, count in counted.items())
    objectives = " and ".join(quantity(name).header for name in stated["objectives"])
    bounds = f", bounded by {' and '.join(stated['constraints'])}" if stated["constraints"] else ""
    return f"{stated['sampler']} proposed {len(trials)} combinations for {objectives}{bounds}: {ends}."


def _seen(values: Mapping[str, float | None]) -> Cell:
    accuracy = values["accuracy"]
    return Cell(ABSENT, math.nan) if accuracy is None else Cell(show("accuracy", accuracy), accuracy)


def _reached(row: Mapping[Any, Any]) -> Cell:
    low, high = row["accuracy_ci_low"], row["accuracy_ci_high"]
    return Cell(show_mean("accuracy", row["accuracy_mean"], low, high), row["accuracy_mean"])
