"""Which variant each variant is compared with."""

from typing import Any

from ablate.analysis.pairing import Pair
from ablate.errors import ResultsError
from ablate.lookup import lookup
from ablate.records import canonical


def baseline_pairs(plan: dict[str, Any], baseline: str | None = None) -> list[Pair]:
    """(variant, its baseline) for every variant that has one, in the plan's order.

    Factors under `data.` are conditions: a variant's baseline has its data levels, and the levels of `baseline` (the
    study's own unless another variant is named) elsewhere. Empty where nothing is tested against a baseline: only
    conditions vary, or a grid crosses several factors. Raises `UnknownName` for an unknown variant, and `ResultsError`
    when a baseline is named but nothing is tested against one.
    """
    tested = tested_factors(plan)
    variants = {variant["variant"]: variant["levels"] for variant in plan["variants"]}
    origin = lookup(variants, baseline or plan["baseline"], "variant")
    if crosses_factors(plan) or not tested:
        if baseline is not None:
            raise ResultsError(f"baseline {baseline!r} has no use here: {why_no_contrasts(plan)}")
        return []
    reset = {path: origin[path] for path in tested}
    name_at = {canonical(levels): name for name, levels in variants.items()}
    partners = [(name, name_at.get(canonical({**levels, **reset}))) for name, levels in variants.items()]
    return [(name, partner) for name, partner in partners if partner is not None and partner != name]


def tested_factors(plan: dict[str, Any]) -> list[str]:
    """Paths of the factors that are compared, which leaves out the conditions."""
    return [factor["path"] for factor in plan["factors"] if not _is_condition(plan, factor["path"])]


def crosses_factors(plan: dict[str, Any]) -> bool:
    """Whether several tested factors are crossed, so that single cells are not what the study tests."""
    return plan["study"]["design"] == "grid" and len(tested_factors(plan)) > 1


def why_no_contrasts(plan: dict[str, Any]) -> str:
    """Why `baseline_pairs` is empty, in one sentence."""
    tested = tested_factors(plan)
    if crosses_factors(plan):
        return f"the grid crosses {len(tested)} factors ({', '.join(tested)}), so each cell has an interval, no verdict"
    if len(plan["variants"]) == 1:
        return "there is one variant, and nothing to compare it with"
    if plan["factors"]:
        return "only the data vary, and variants are never compared across different data"
    return "the study has no factor, so there is nothing to compare"


def varied_fields(plan: dict[str, Any], path: str) -> list[str]:
    """Paths of the study's fields that the factor `path` sets."""
    levels = plan["study"]["factors"][path]
    return [path] if isinstance(levels, list) else [field for level in levels.values() for field in level]


def _is_condition(plan: dict[str, Any], path: str) -> bool:
    return any(field.startswith("data.") for field in varied_fields(plan, path))
