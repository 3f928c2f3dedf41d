"""`match:` and `budget:`: what every variant gets as much of as the baseline."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from ablate.schema.mistakes import shown
from ablate.schema.section import Section

MATCH = "match"
"""The factor that a list of matchings is, and its column in the tables."""
UNMATCHED: Literal["none"] = "none"

MatchedOn = Literal["none", "params", "macs"]
Budgeted = Literal["epochs", "steps", "macs"]


class MatchConfig(Section):
    """Every variant gets the width at which it has as many parameters, or multiply-adds, as the baseline."""

    on: MatchedOn
    """The budget: `params`, `macs` of one image, or `none` for networks as they are stated."""
    tolerance: float = Field(0.02, gt=0, lt=1)
    """How far from the baseline's a variant may be, as a fraction of it."""


AS_STATED = MatchConfig(on=UNMATCHED)


def _spelt_out(stated: Any) -> Any:
    return {"on": stated} if isinstance(stated, str) else stated


def _matching(stated: Any) -> Any:
    if not isinstance(stated, str | Mapping | MatchConfig):
        raise ValueError(
            f"expected {', '.join(get_args(MatchedOn))}, or a mapping of on and tolerance, not {shown(stated)}"
        )
    return _spelt_out(stated)


def _each_once(listed: tuple[MatchConfig, ...]) -> tuple[MatchConfig, ...]:
    budgets = [each.on for each in listed]
    repeated = [on for index, on in enumerate(budgets) if on in budgets[:index]]
    if repeated:
        raise ValueError(f"names {repeated[0]!r} twice")
    return listed


def _kind(stated: Any) -> str:
    return "<list>" if isinstance(stated, list | tuple) else "<one>"


Matching = Annotated[MatchConfig, BeforeValidator(_matching, json_schema_input_type=MatchConfig | MatchedOn)]
MatchList = Annotated[tuple[Matching, ...], Field(strict=False, min_length=1), AfterValidator(_each_once)]
MatchSection = Annotated[
    Annotated[Matching, Tag("<one>")] | Annotated[MatchList, Tag("<list>")],
    Discriminator(_kind),
]


class BudgetConfig(Section):
    """Every variant trains for as long as the baseline does."""

    on: Budgeted
    """What is alike: passes over the training subset, optimizer steps, or the multiply-adds that training takes."""


BudgetSection = Annotated[BudgetConfig, BeforeValidator(_spelt_out, json_schema_input_type=BudgetConfig | Budgeted)]
