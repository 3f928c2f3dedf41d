"""What a study set out to ask, kept in plan.json: a question or a claim that is changed later stays visible as such."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from ablate.errors import ResultsError
from ablate.records import digest, finished_keys, load_record

STATED = ("question", "claims", "margin", "primary")

Statement = dict[str, Any]
"""The STATED keys of the resolved study, their `digest`, and what `finished_trials` said when it was planned so."""


def with_statement(
    earlier: Sequence[Statement], study: Mapping[str, Any], finished: Callable[[], Mapping[str, int]]
) -> tuple[Statement, ...]:
    """`earlier`, oldest first, and what the resolved `study` states now unless the last of them states the same.

    `finished` gives what `finished_trials` does, and is asked where something new is stated.
    """
    now = {name: study[name] for name in STATED}
    identity = digest(now)
    if earlier and earlier[-1]["digest"] == identity:
        return tuple(earlier)
    return (*earlier, {"digest": identity, **now, **finished()})


def finished_trials(folder: Path, planned: AbstractSet[str]) -> dict[str, int]:
    """How many trials have a record in `folder`: `trials_finished` of those `planned`, by key, and, where there are
    such, `rehearsals_finished` of tuning and search, whose scores on images held out may move a statement too."""
    finished = finished_keys(folder)
    rehearsals = sum(is_rehearsal_record(folder, key) for key in finished - planned)
    of_rehearsals = {"rehearsals_finished": rehearsals} if rehearsals else {}
    return {"trials_finished": len(finished & planned), **of_rehearsals}


def is_rehearsal_record(folder: Path, key: str) -> bool:
    """Whether the record `key` is of a trial of tuning or search."""
    try:
        record = load_record(folder, key)
    except ResultsError:  # damaged, and so of no trial that finished
        return False
    return record is not None and record.scored == "validation"


def rehearsals_before(statement: Statement) -> int:
    """Trials of tuning and search that had finished when `statement` was made."""
    return int(statement["rehearsals_finished"]) if "rehearsals_finished" in statement else 0


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
