"""What a run tries afresh of a search or a tuning of which all trials so far have failed.

Once one of them has come to an end, those that failed are outcomes like any other: what was tried after them was chosen
in view of that, and would be lost if one of them succeeded now.
"""

from collections.abc import Sequence
from pathlib import Path

from ablate.records import failure_path, finished_keys, stored_failures
from ablate.study.planning.plan import Plan
from ablate.study.planning.stated import is_rehearsal_record
from ablate.study.running.events import unobserved
from ablate.study.running.rehearsal import SEARCH, is_rehearsal
from ablate.study.running.tuning import arm_of


def forget_failures(plan: Plan, folder: Path, only: Sequence[str]) -> None:
    """Have the trials that failed for good tried afresh where none has come to an end of their search, or of their
    variant's tuning. `only` names variants, if any.

    While a run goes on they count as tried, so that this is for when none does.
    """
    failed = {key: each for key, each in stored_failures(folder).items() if is_rehearsal(each)}
    if not failed:
        return
    names = {each["variant"] for each in failed.values()}
    rows = _searches(plan, folder) if plan.is_searching else _arms(plan, folder, only, names)
    for key, failure in failed.items():
        if failure["variant"] in rows:
            failure_path(folder, key).unlink(missing_ok=True)


def _searches(plan: Plan, folder: Path) -> set[str]:
    """The search of `plan`, if no trial of it has come to an end."""
    return set() if any(is_rehearsal_record(folder, key) for key in finished_keys(folder)) else {SEARCH}


def _arms(plan: Plan, folder: Path, only: Sequence[str], names: set[str]) -> set[str]:
    """Of the variants with these names those that await their tuning, of which no trial has come to an end."""
    waiting = [each for each in plan.named(only) if each.variant.awaits and each.variant.name in names]
    arms = [arm_of(plan, each, folder, unobserved) for each in waiting]
    return {arm.name for arm in arms if not arm.has_ended_any()}
