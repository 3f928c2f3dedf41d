"""The search phase: combinations are tried, and those on the front become the variants of the study."""

from functools import partial
from pathlib import Path

from ablate.study.plan import Plan, prepared
from ablate.study.searching import Search, Searched
from ablate.study.training import Train


def is_searching(plan: Plan) -> bool:
    """Whether the variants of `plan` are still looked for."""
    return plan.study.config.search is not None and plan.searched is None


def searched_anew(plan: Plan, folder: Path, train: Train) -> Searched | None:
    """What the search of `plan` finds; None while some of its trials have not ended."""
    search = Search(plan.study, folder, partial(prepared, plan))
    train(search.next_jobs(), lambda job: search.next_jobs())
    return search.found() if search.is_over else None
