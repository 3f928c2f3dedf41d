"""What a study set out to ask, kept in plan.json: a question or a claim that is changed later stays visible as such."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.records import digest

STATED = ("question", "claims", "margin", "primary")

Statement = dict[str, Any]
"""The STATED keys of the resolved study, their `digest`, and `trials_finished`: how many trials of the plan had a
record when this was first planned so."""


def with_statement(
    earlier: Sequence[Statement], study: Mapping[str, Any], trials_finished: int
) -> tuple[Statement, ...]:
    """`earlier`, oldest first, and what the resolved `study` states now unless the last of them states the same."""
    now = {name: study[name] for name in STATED}
    identity = digest(now)
    if earlier and earlier[-1]["digest"] == identity:
        return tuple(earlier)
    return (*earlier, {"digest": identity, **now, "trials_finished": trials_finished})


def statements_of(plan: Mapping[str, Any] | None) -> list[Statement]:
    """What `plan`, a plan.json if there is one, holds of them; older versions wrote none."""
    if plan is None or "stated" not in plan:
        return []
    return list(plan["stated"])


def changes(earlier: Sequence[Statement], now: Sequence[Statement]) -> tuple[str, ...]:
    """Which of STATED the last entry of `now` states otherwise than the last of `earlier`; empty if there was none."""
    if not earlier:
        return ()
    return tuple(name for name in STATED if earlier[-1][name] != now[-1][name])
