"""The files of a results folder that are no records, each checked for what is taken from it."""

from pathlib import Path
from typing import Any

from ablate.errors import ResultsError
from ablate.files import read_json
from ablate.records.places import failure_path
from ablate.schema.mistakes import said_of
from ablate.schema.plan import PlanFile
from ablate.schema.section import Section
from ablate.schema.stored import CostsFile, EnvironmentEntry, ExecutionEntry, FailureFile

RESTORE = "restore it or delete it to have it made anew"


def load_plan(folder: Path) -> dict[str, Any]:
    """plan.json of a results folder; raises `ResultsError` when `folder` is not one."""
    try:
        is_there = folder.is_dir()
    except OSError as error:
        raise ResultsError(
            f"{folder}: cannot be read ({error.strerror}); name a folder that this user may read"
        ) from error
    if not is_there:
        raise ResultsError(f"{folder}: no such results folder; `ablate run STUDY` makes one under results/")
    plan = stored_plan(folder)
    if plan is None:
        raise ResultsError(f"{folder}: is no results folder, it has no plan.json; name the one that `ablate run` wrote")
    return plan


def stored_plan(folder: Path) -> dict[str, Any] | None:
    """plan.json of `folder`, None while there is none; a file that is no plan raises `ResultsError`."""
    path = folder / "plan.json"
    plan: dict[str, Any] | None = read_json(path)
    return None if plan is None else _checked(path, PlanFile, plan, "plan")


def stored_environments(folder: Path) -> dict[str, dict[str, Any]]:
    """environment.json: id -> environment; empty while there is none. Raises `ResultsError` for another file."""
    return _checked_entries(folder / "environment.json", EnvironmentEntry, "environments")


def stored_executions(folder: Path) -> dict[str, dict[str, Any]]:
    """execution.json: digest of a machine -> how trials run there; empty while there is none. Raises `ResultsError`."""
    return _checked_entries(folder / "execution.json", ExecutionEntry, "execution settings")


def stored_costs(folder: Path) -> dict[str, Any] | None:
    """costs.json, None while there is none; raises `ResultsError` for another file."""
    path = folder / "costs.json"
    costs: dict[str, Any] | None = read_json(path)
    return None if costs is None else _checked(path, CostsFile, costs, "costs")


def stored_failure(folder: Path, key: str) -> dict[str, Any] | None:
    """What failures/ says of `key`, None where it did not fail; raises `ResultsError` for another file."""
    path = failure_path(folder, key)
    failure: dict[str, Any] | None = read_json(path)
    return None if failure is None else _checked(path, FailureFile, failure, "failure")


def stored_failures(folder: Path) -> dict[str, dict[str, Any]]:
    """All that failures/ holds, by key, as `stored_failure` has it; one that is gone by then is left out."""
    keys = sorted(path.stem for path in (folder / "failures").glob("*.json") if not path.name.startswith("."))
    failures = {key: stored_failure(folder, key) for key in keys}
    return {key: failure for key, failure in failures.items() if failure is not None}


def last_cause(folder: Path, key: str) -> str | None:
    """Why the last attempt at `key` has failed, None where it was not given up; raises as `stored_failure` does."""
    failure = stored_failure(folder, key)
    return None if failure is None else str(failure["attempts"][-1]["cause"])


def _checked_entries(path: Path, section: type[Section], what: str) -> dict[str, dict[str, Any]]:
    entries: Any = read_json(path)
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        raise ResultsError(f"{path}: holds no {what}, but {type(entries).__name__}; {RESTORE}")
    return {name: _checked(path, section, entry, what, name) for name, entry in entries.items()}


def _checked(path: Path, section: type[Section], stored: Any, what: str, name: str | None = None) -> dict[str, Any]:
    """`stored` as it is, once it proved to be a `section`; `name` is the entry of the file that it is."""
    mistake = said_of(section, stored, () if name is None else (name,))
    if mistake:
        raise ResultsError(f"{path}: holds no {what} that can be used: {mistake}; {RESTORE}")
    return dict(stored)
