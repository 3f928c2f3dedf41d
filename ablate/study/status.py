"""What `ablate status` says of a results folder: what is done, what runs now, what failed and why."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ablate.errors import ResultsError
from ablate.ledger import running_keys
from ablate.records import Results, finished_keys, load_record, load_results, log_path, stored_failure, stored_failures
from ablate.study.running.rehearsal import is_rehearsal

LOG_LINES = 40  # of a failed trial's log: the traceback and a little of what led to it


@dataclass(frozen=True)
class Failure:
    """A trial, or the cost phase, that failed for good: its attempts' causes, and the end of its log.

    A trial whose record cannot be used is one of them; the cause says why.
    """

    what: str
    causes: tuple[str, ...]
    log: Path
    log_tail: str


@dataclass(frozen=True)
class Rehearsed:
    """The phase before training: how many `trials` it has, and how many of them have come to an end or failed."""

    phase: Literal["tuning", "search"]
    trials: int
    ended: int


@dataclass(frozen=True)
class Status:
    """`missing` counts planned trials that have neither ended nor failed; `running` names those under way.

    Trials of tuning and search are among `running` and `failures`, and not among the planned ones; `rehearsed` counts
    them, in a study that has such.
    """

    study: str
    planned: int
    complete: int
    diverged: int
    missing: int
    running: tuple[str, ...]
    failures: tuple[Failure, ...]
    rehearsed: Rehearsed | None = None


def status_of(folder: Path) -> Status:
    """The state of the results folder `folder`; raises `ResultsError` when it is none."""
    results = load_results(folder)
    names = _names(results)
    states = results.trials.drop_duplicates("key")["state"]  # variants that are one network share their trials
    running = tuple(names.get(key, called) for key, called in running_keys(folder).items())
    given_up = _failed_rehearsals(folder, names)
    return Status(
        study=results.plan["study"]["name"],
        planned=len(names),
        complete=int((states == "complete").sum()),
        diverged=int((states == "diverged").sum()),
        missing=len(names) - len(states),
        running=running,
        failures=(*_failures(results, names), *given_up),
        rehearsed=_rehearsed(results, names, len(given_up)),
    )


def _rehearsed(results: Results, planned: Collection[str], failed: int) -> Rehearsed | None:
    study, variants = results.plan["study"], results.plan["variants"]
    if "search" in study:
        return Rehearsed("search", study["search"]["trials"], failed + _held_out(results.folder, planned))
    if "tune" not in study:
        return None
    arms = {each["awaits"] if "awaits" in each else each["tuned"]["arm"] for each in variants if _is_tuned(each)}
    trials = len(arms) * study["tune"]["trials"]
    return Rehearsed("tuning", trials, failed + _held_out(results.folder, planned))


def _is_tuned(variant: dict[str, Any]) -> bool:
    """Whether it has values of its own, or is to have."""
    return bool({"awaits", "tuned"} & variant.keys())


def _held_out(folder: Path, planned: Collection[str]) -> int:
    """How many trials that are not `planned` have ended on images held out; a damaged record is of none."""
    count = 0
    for key in finished_keys(folder).difference(planned):
        with suppress(ResultsError):
            record = load_record(folder, key)
            count += record is not None and record.scored == "validation"
    return count


def _names(results: Results) -> dict[str, str]:
    """Key -> "variant seed n" of every planned trial; variants that are one network share a key."""
    names: dict[str, list[str]] = {}
    for variant in results.plan["variants"]:
        for seed, key in variant["keys"].items():
            names.setdefault(key, []).append(f"{variant['variant']} seed {seed}")
    return {key: " = ".join(shared) for key, shared in names.items()}


def _failures(results: Results, names: dict[str, str]) -> list[Failure]:
    causes = {**_failed_trials(results), "costs": _causes(stored_failure(results.folder, "costs"))}
    return [
        _failure(results.folder, key, name, causes[key])
        for key, name in {**names, "costs": "costs"}.items()
        if causes.get(key)
    ]


def _failed_rehearsals(folder: Path, planned: Collection[str]) -> list[Failure]:
    """Of trials of tuning and search, which are called as the table of progress calls them, and are not `planned`."""
    others = {*planned, *finished_keys(folder)}
    failed = {key: each for key, each in stored_failures(folder).items() if key not in others and is_rehearsal(each)}
    named = sorted((f"{each['variant']} seed {each['seed']}", key) for key, each in failed.items())
    return [_failure(folder, key, name, _causes(failed[key])) for name, key in named]


def _failure(folder: Path, key: str, name: str, causes: tuple[str, ...]) -> Failure:
    log = log_path(folder, key)
    return Failure(name, causes, log, _tail(log))


def _failed_trials(results: Results) -> dict[str, tuple[str, ...]]:
    """Key -> causes; a record that cannot be used was no attempt, and nothing in failures/ is about it."""
    failed = results.trials[results.trials["state"] == "failed"].drop_duplicates("key")
    return {
        row["key"]: _causes(stored_failure(results.folder, row["key"])) if row["attempts"] else (row["error"],)
        for row in failed.to_dict("records")
    }


def _causes(failure: dict[str, Any] | None) -> tuple[str, ...]:
    return () if failure is None else tuple(attempt["cause"] for attempt in failure["attempts"])


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
    except OSError:  # lost, or not for this user to read; the causes stand without it
        return ""
