"""Published differences: which variants a claim is about."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.analysis.factorial import Cells, Levels, Weights, difference, interaction
from ablate.lookup import lookup
from ablate.schema import DifferenceClaim, InteractionClaim

TestedClaim = DifferenceClaim | InteractionClaim
"""A claim about what training gives, one number a seed."""


def claim_weights(cells: Cells, claim: TestedClaim, factor_columns: Mapping[str, str]) -> Weights:
    """The combination of variants that `claim` says is above zero (below, where a lower value is the better one).

    `factor_columns` maps the factors' paths, as the claim writes them, to the columns of `cells`. Empty where the study
    has no such arms. An unknown factor raises `UnknownName`.
    """
    if isinstance(claim, DifferenceClaim):
        return difference(cells, _by_column(claim.better, factor_columns), _by_column(claim.than, factor_columns))
    named = claim.interaction
    sides = [_by_column(each, factor_columns) for each in (named.better, named.than, named.more_at, named.than_at)]
    return interaction(cells, *sides)


def cells_of(trials: pd.DataFrame, factor_columns: Mapping[str, str]) -> Cells:
    """The cells of `trials`, a row a trial with the column `variant` and one a factor, as `factor_columns` has them."""
    arms = trials.drop_duplicates("variant").to_dict("records")
    return [(str(row["variant"]), _comparable({at: row[at] for at in factor_columns.values()})) for row in arms]


def _by_column(levels: Mapping[str, Any], factor_columns: Mapping[str, str]) -> Levels:
    return _comparable({lookup(factor_columns, path, "factor"): level for path, level in levels.items()})


def _comparable(levels: Mapping[str, Any]) -> Levels:
    # A level read from a table may be 0.5 where the claim has "0.5", or the other way round.
    return {column: str(level) for column, level in levels.items()}
