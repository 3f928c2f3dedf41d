"""Costs as costs.json holds them: which sets of measurements may stand in one table. Free of torch.

A set covers all variants of its study for its metrics, measured in one environment under one set of conditions. A later
set may hold only a metric that was added later. Numbers stand side by side only where machine and conditions agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROCESSES = 2  # that take turns at the rounds of a set

# What a set says of each variant beside `problems`: by operator in `uncounted`, else by column.
BY_COLUMN = ("columns", "rounds", "samples", "spread", "uncounted")


@dataclass(frozen=True, kw_only=True)
class VariantCosts:
    """What was measured of one variant.

    `columns`: value, in the unit that the column's name ends in. `rounds`: one median a round in the same unit, None
    where a round gave nothing; round i of one variant was taken beside round i of every other. `samples`: how many
    measurements. `spread`: interquartile range of all samples over their median. `problems`: metric or column -> why it
    has no number. `uncounted`: operator that the second counter of MACs does not know -> how often it is called.
    """

    columns: Mapping[str, float]
    rounds: Mapping[str, Sequence[float | None]]
    samples: Mapping[str, int]
    spread: Mapping[str, float]
    problems: Mapping[str, str]
    uncounted: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class CostGroup:
    """Sets of one machine and one set of conditions as one, newer numbers before older ones.

    `environments` and `observed` have one entry a set that still has numbers here, oldest first: its id in
    environment.json, and facts about its measuring, which are shown and never compared.
    """

    machine: Mapping[str, Any]
    conditions: Mapping[str, Any]
    observed: tuple[Mapping[str, Any], ...]
    environments: tuple[str, ...]
    metrics: frozenset[str]
    variants: Mapping[str, VariantCosts]


def cost_groups(
    stored: dict[str, Any] | None, environments: Mapping[str, dict[str, Any]], models: Mapping[str, Any]
) -> list[CostGroup]:
    """One group a machine and set of conditions, the one that was measured last at the end.

    `stored`: costs.json. `environments`: environment.json. `models`: variant -> its resolved model as JSON. A set
    counts only if it has every variant of `models` with an equal model; one that lacks `observed` is of an older format
    and is passed over. A set whose environment is unknown stands for a machine of its own.
    """
    usable = [each for each in (stored["sets"] if stored else []) if "observed" in each and _covers(each, models)]
    alike: list[tuple[Any, list[dict[str, Any]]]] = []
    for measured in usable:
        kind = (_machine(measured, environments), measured["conditions"])
        older = [each for known, sets in alike if known == kind for each in sets]
        # The newest set of a kind decides its place.
        alike = [*(entry for entry in alike if entry[0] != kind), (kind, [*older, measured])]
    return [_group(machine, sets, models) for (machine, _), sets in alike]


def chosen_group(groups: Sequence[CostGroup], asked: Iterable[str]) -> CostGroup | None:
    """The group that has most of the metrics `asked` for, the newest of several; None where there is none."""
    wanted = frozenset(asked)
    return max(reversed(groups), key=lambda group: len(group.metrics & wanted), default=None)


def planned_group(
    stored: dict[str, Any] | None, environments: Mapping[str, dict[str, Any]], plan: dict[str, Any]
) -> CostGroup | None:
    """The chosen group of what `stored` holds for the variants and metrics of `plan`, which is plan.json."""
    models = {variant["variant"]: variant["model"] for variant in plan["variants"]}
    return chosen_group(cost_groups(stored, environments, models), plan["study"]["measure"])


def _covers(measured: dict[str, Any], models: Mapping[str, Any]) -> bool:
    found = measured["variants"]
    return all(name in found and found[name]["model"] == model for name, model in models.items())


def _machine(measured: dict[str, Any], environments: Mapping[str, dict[str, Any]]) -> Any:
    name = measured["environment"]
    return environments[name]["machine"] if name in environments else {"unknown environment": name}


def _group(machine: Any, sets: Sequence[dict[str, Any]], models: Mapping[str, Any]) -> CostGroup:
    """`sets` as one, oldest first; a set of which newer ones have every metric has no part in it."""
    used = [each for number, each in enumerate(sets) if set(each["metrics"]) - _metrics(sets[number + 1 :])]
    return CostGroup(
        machine=machine,
        conditions=used[-1]["conditions"],
        observed=tuple(each["observed"] for each in used),
        environments=tuple(each["environment"] for each in used),
        metrics=_metrics(used),
        variants={name: _merged(name, used) for name in models},
    )


def _metrics(sets: Sequence[dict[str, Any]]) -> frozenset[str]:
    return frozenset(metric for each in sets for metric in each["metrics"])


def _merged(name: str, sets: Sequence[dict[str, Any]]) -> VariantCosts:
    merged: dict[str, dict[str, Any]] = {field: {} for field in (*BY_COLUMN, "problems")}
    for measured in sets:
        replaced = {field: _keys(measured, field) for field in BY_COLUMN}
        replaced["problems"] = _keys(measured, "problems") | replaced["columns"] | set(measured["metrics"])
        for field, older in merged.items():
            kept = {key: value for key, value in older.items() if key not in replaced[field]}
            merged[field] = kept | measured["variants"][name][field]
    return VariantCosts(**merged)


def _keys(measured: dict[str, Any], field: str) -> set[str]:
    """What any variant of the set has: a column goes for all variants at once, or rounds of two sets would mix."""
    return {key for variant in measured["variants"].values() for key in variant[field]}
