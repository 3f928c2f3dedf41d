"""Every system of a count study: what network it is, what was counted and measured of it, and what is printed."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ablate.records import Results
from ablate.report.costing import EXACT
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show
from ablate.report.sections.costs import measuring
from ablate.report.sections.results import cost_columns

# Quantities with a column for what is counted and one for what is printed.
BESIDE = {"params": "parameters", "macs": "MACs", "top1": "top-1 (%)"}

CAPTION = "Every system: what is counted and measured of it, and what is printed"
LEGEND = (
    "Printed numbers stand beside what they are most plainly about, each with its verdict; the next table says where "
    "they are printed. MACs are multiply-adds of convolutions and linear layers for one image, half of what is "
    "elsewhere counted as FLOPs. Top-1 accuracy is what torchvision states for its first weights on ImageNet; it was "
    "not measured here. Feature maps are given as channels@side, in the order of the forward pass, where they change."
)


def systems(results: Results, tables: Tables) -> list[Block]:
    return [Heading("Systems"), systems_table(results, tables), Paragraph(LEGEND), *measuring(results)]


def systems_table(results: Results, tables: Tables) -> Table:
    """One row a system."""
    shown = [
        name for name in BESIDE if name in EXACT or any(_top1(row) is not None for row in results.plan["variants"])
    ]
    costs = [column for column in cost_columns(tables) if column not in EXACT]
    beside = [column for name in shown for column in (Column(BESIDE[name]), Column(f"{BESIDE[name]}, printed", "left"))]
    columns = (
        *(Column("system", "left"), Column("network", "left"), Column("input (pixels)")),
        *beside,
        *(Column(quantity(column).header) for column in costs),
        Column("feature maps", "left"),
    )
    rows = tuple(
        (
            variant["variant"],
            network(results.plan, variant),
            Cell(str(variant["model"]["input_size"]), variant["model"]["input_size"]),
            *(cell for name in shown for cell in (_counted(name, variant), _printed(name, variant, tables.claims))),
            *(Cell(show(column, row[column]), row[column]) for column in costs),
            feature_maps(variant["stages"]),
        )
        for variant, row in zip(results.plan["variants"], tables.variants.to_dict("records"), strict=True)
    )
    return Table(columns, rows, CAPTION, "systems")


def network(plan: dict[str, Any], variant: Mapping[str, Any]) -> str:
    """What the levels of `variant` set of the network, or the study's own where they set nothing."""
    sets: dict[str, Any] = {}
    for path, level in variant["levels"].items():
        levels = plan["study"]["factors"][path]
        sets |= {path: level} if isinstance(levels, list) else levels[level]
    model = variant["model"]
    named = model["builder"] if "builder" in model else model["preset"]
    fields = {path.removeprefix("model."): value for path, value in sets.items()}
    changes = [f"{name} {value}" for name, value in fields.items() if name not in ("preset", "builder")]
    return ", ".join([named, *changes])


def feature_maps(stages: Sequence[tuple[str, Sequence[int]]]) -> str:
    """`32@149 64@147 ...`: the shapes of `stages` where they change, channels@side or channels@height x width."""
    changes = [shape for shape, _ in itertools.groupby(tuple(shape) for _, shape in stages)]
    return " ".join(f"{depth}@{height if height == width else f'{height}x{width}'}" for depth, height, width in changes)


def in_units(value: float) -> str:
    """`5.5 G`, `22.855952 M`: a printed count with all its digits."""
    for size, prefix in ((1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.12g} {prefix}"
    return f"{value:,.12g}"


def _counted(name: str, variant: Mapping[str, Any]) -> Cell:
    if name in EXACT:
        return Cell(show(name, variant[name]), variant[name])
    top1 = _top1(variant)
    return Cell(ABSENT, math.nan) if top1 is None else Cell(f"{100 * top1:.1f}", top1)


def _printed(name: str, variant: Mapping[str, Any], claims: pd.DataFrame) -> str:
    of_system = claims[(claims["system"] == variant["variant"]) & (claims["metric"] == name)]
    scale = 100 if name == "top1" else 1
    cells = [f"{in_units(scale * row['published'])} ({row['verdict']})" for row in of_system.to_dict("records")]
    return "; ".join(dict.fromkeys(cells)) or ABSENT


def _top1(variant: Mapping[str, Any]) -> float | None:
    counted: dict[str, float | None] = variant["quantities"]
    return counted.get("top1")
