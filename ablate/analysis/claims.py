"""Published differences: which variants a claim is about."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from ablate.analysis.pairing import Pair
from ablate.lookup import lookup
from ablate.schema import DifferenceClaim

Levels = dict[str, Hashable]


def claim_pairs(trials: pd.DataFrame, claim: DifferenceClaim, factor_columns: Mapping[str, str]) -> list[Pair]:
    """Every variant that matches `better`, with the one that matches `than` and has all its other levels.

    `factor_columns` maps the factors' paths, as the claim writes them, to columns of `trials` that hold level names.
    Empty where the study has no such arms. An unknown factor raises `UnknownName`.
    """
    better, than = _by_column(claim.better, factor_columns), _by_column(claim.than, factor_columns)
    arms = trials.drop_duplicates("variant")
    levels = {
        str(row["variant"]): _comparable({column: row[column] for column in factor_columns.values()})
        for row in arms.to_dict("records")
    }
    variant_at = {frozenset(at.items()): variant for variant, at in levels.items()}
    matching = [variant for variant, at in levels.items() if better.items() <= at.items()]
    partners = [(variant, variant_at.get(frozenset({**levels[variant], **than}.items()))) for variant in matching]
    return [(variant, partner) for variant, partner in partners if partner is not None and partner != variant]


def _by_column(levels: Mapping[str, Any], factor_columns: Mapping[str, str]) -> Levels:
    return _comparable({lookup(factor_columns, path, "factor"): level for path, level in levels.items()})


def _comparable(levels: Mapping[str, Any]) -> Levels:
    # A level read from a table may be 0.5 where the claim has "0.5", or the other way round.
    return {column: str(level) for column, level in levels.items()}
