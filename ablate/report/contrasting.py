"""What each variant, or each level, is compared with."""

from typing import Any

import pandas as pd

from ablate.analysis.factorial import Cells, Contrast, main_effects, pair
from ablate.errors import ResultsError
from ablate.lookup import lookup
from ablate.records import canonical, shared_places
from ablate.schema import MATCH


def baseline_contrasts(plan: dict[str, Any], baseline: str | None = None) -> list[Contrast]:
    """What is tested against a baseline: the study's own, or the variant `baseline`, in the plan's order.

    A grid that crosses several tested factors: their main effects, each level against that of the baseline. Else every
    variant against the one that has the baseline's levels. Factors under `data.`, and how budgets are matched, are
    conditions: both sides have their levels alike. Empty where only conditions vary. Raises `UnknownName` for an
    unknown variant, and `ResultsError` when a baseline is named but nothing is tested against one.
    """
    variants = {variant["variant"]: variant["levels"] for variant in plan["variants"]}
    origin = lookup(variants, baseline or plan["baseline"], "variant")
    contrasts = _main_effects(plan, origin) if crosses_factors(plan) else _pairs(plan, origin)
    if not contrasts and baseline is not None:
        raise ResultsError(f"baseline {baseline!r} has no use here: {why_no_contrasts(plan)}")
    return contrasts


def cost_baselines(plan: dict[str, Any], baseline: str | None = None) -> dict[str, str]:
    """Variant -> the one that its costs are set against: the baseline's levels under the variant's own data.

    Cell by cell, where factors are crossed too. The baseline itself has no entry, nor has a variant under whose data
    the baseline's levels were not planned. `baseline` is a variant's name, else the study's own.
    """
    variants = {variant["variant"]: variant["levels"] for variant in plan["variants"]}
    found: dict[str, str] = {}
    for each in _pairs(plan, variants[baseline or plan["baseline"]]):
        found.setdefault(each.variant, each.baseline)  # a variant's own place comes first
    return found


def in_own_condition(contrasts: pd.DataFrame) -> pd.DataFrame:
    """`contrasts` on one metric, a row a variant: where one stands under several conditions, which only happens to
    another baseline than the study's own, the row of its own."""
    return contrasts.drop_duplicates("variant")


def cells_in(plan: dict[str, Any]) -> Cells:
    """Where the variants of `plan` stand, by the columns of its factors."""
    column = {factor["path"]: factor["column"] for factor in plan["factors"]}
    return [(name, {column[path]: level for path, level in levels.items()}) for name, levels in _places(plan)]


def tested_factors(plan: dict[str, Any]) -> list[str]:
    """Paths of the factors that are compared, which leaves out the conditions."""
    return [factor["path"] for factor in plan["factors"] if not _is_condition(plan, factor["path"])]


def tested_levels(plan: dict[str, Any]) -> dict[str, str]:
    """What each variant is called beside others of its condition: its levels of what is compared."""
    tested = tested_factors(plan)
    return {each["variant"]: ", ".join(each["levels"][path] for path in tested) for each in plan["variants"]}


def crosses_factors(plan: dict[str, Any]) -> bool:
    """Whether several tested factors are crossed, so that it is main effects that are tested, not single cells."""
    return plan["study"]["design"] == "grid" and len(varied_factors(plan)) > 1


def varied_factors(plan: dict[str, Any]) -> list[str]:
    """Those of `tested_factors` that have more than one level among the variants."""
    return [path for path in tested_factors(plan) if len({cell["levels"][path] for cell in plan["variants"]}) > 1]


def why_no_contrasts(plan: dict[str, Any]) -> str:
    """Why `baseline_contrasts` is empty, in one sentence."""
    if len(plan["variants"]) == 1:
        return "there is one variant, and nothing to compare it with"
    if plan["factors"]:
        return "only the data vary, and variants are never compared across different data"
    return "the study has no factor, so there is nothing to compare"


def varied_fields(plan: dict[str, Any], path: str) -> list[str]:
    """Paths of the study's fields that the factor `path` sets."""
    if path == MATCH:
        return []
    levels = plan["study"]["factors"][path]
    return [path] if isinstance(levels, list) else [field for level in levels.values() for field in level]


def _places(plan: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Every variant with its levels by the paths of their factors; one that others share with each of its levels."""
    own = [(variant["variant"], variant["levels"]) for variant in plan["variants"]]
    return own + [(variant["variant"], levels) for variant in plan["variants"] for levels in shared_places(variant)]


def _pairs(plan: dict[str, Any], origin: dict[str, str]) -> list[Contrast]:
    reset = {path: origin[path] for path in tested_factors(plan)}
    places = _places(plan)
    name_at = {canonical(levels): name for name, levels in places}
    partners = [(name, name_at.get(canonical({**levels, **reset}))) for name, levels in places]
    pairs = dict.fromkeys(each for each in partners if each[1] is not None and each[0] != each[1])
    return [pair(name, partner) for name, partner in pairs if partner is not None]


def _main_effects(plan: dict[str, Any], origin: dict[str, str]) -> list[Contrast]:
    column = {factor["path"]: factor["column"] for factor in plan["factors"]}
    tested = [column[path] for path in tested_factors(plan)]
    conditions = [name for name in column.values() if name not in tested]
    return main_effects(cells_in(plan), tested, conditions, {column[path]: level for path, level in origin.items()})


def _is_condition(plan: dict[str, Any], path: str) -> bool:
    return path == MATCH or any(field.startswith("data.") for field in varied_fields(plan, path))
