"""What `ablate status` says of a results folder: what is done, what runs now, what failed and why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.ledger import running_keys
from ablate.records import Results, failure_path, load_results, log_path, read_json

LOG_LINES = 40  # of a failed trial's log: the traceback and a little of what led to it


@dataclass(frozen=True)
class Failure:
    """A trial, or the cost phase, that failed for good: its attempts' causes, and the end of its log."""

    what: str
    causes: tuple[str, ...]
    log: Path
    log_tail: str


@dataclass(frozen=True)
class Status:
    """`missing` counts planned trials that have neither ended nor failed; `running` names those under way."""

    study: str
    planned: int
    complete: int
    diverged: int
    missing: int
    running: tuple[str, ...]
    failures: tuple[Failure, ...]


def status_of(folder: Path) -> Status:
    """The state of the results folder `folder`; raises `ResultsError` when it is none."""
    results = load_results(folder)
    names = _names(results)
    states = results.trials.drop_duplicates("key")["state"]  # variants that are one network share their trials
    running = tuple(names[key] for key in running_keys(folder / "ledger.db") if key in names)
    return Status(
        study=results.plan["study"]["name"],
        planned=len(names),
        complete=int((states == "complete").sum()),
        diverged=int((states == "diverged").sum()),
        missing=len(names) - len(states),
        running=running,
        failures=tuple(_failures(folder, names)),
    )


def _names(results: Results) -> dict[str, str]:
    """Key -> "variant seed n" of every planned trial; variants that are one network share a key."""
    names: dict[str, list[str]] = {}
    for variant in results.plan["variants"]:
        for seed, key in variant["keys"].items():
            names.setdefault(key, []).append(f"{variant['variant']} seed {seed}")
    return {key: " = ".join(shared) for key, shared in names.items()}


def _failures(folder: Path, names: dict[str, str]) -> list[Failure]:
    return [
        Failure(name, _causes(stored), log_path(folder, key), _tail(log_path(folder, key)))
        for key, name in {**names, "costs": "costs"}.items()
        if (stored := read_json(failure_path(folder, key))) is not None
    ]


def _causes(failure: dict[str, Any]) -> tuple[str, ...]:
    return tuple(attempt["cause"] for attempt in failure["attempts"])


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
