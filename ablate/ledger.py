"""The queue of trials, kept by Optuna; nothing else imports it.

The ledger holds finished, running and a few waiting trials, each with its key; results live in records/. Every claim
happens under one lock: SQLite knows no row locks, and two processes that ask at once would get one trial twice.
"""

import fcntl
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from ablate.errors import ResultsError

WINDOW = 8  # waiting trials kept in the ledger; to ask takes time linear in their number


class TrialFailed(Exception):
    """What a trial's function raises when the trial has no result; the ledger notes it and goes on."""


class Ledger:
    """The Optuna study behind one results folder."""

    def __init__(self, path: Path, study: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._lock = path.with_suffix(".lock")
        with _held(self._lock), _readable(path):
            storage = optuna.storages.RDBStorage(_url(path), {"connect_args": {"timeout": 60}})
            sampler = optuna.samplers.RandomSampler()  # nothing is sampled, and this one has nothing to set up
            self._study = optuna.create_study(
                study_name=study, storage=storage, sampler=sampler, direction="maximize", load_if_exists=True
            )

    def release_dead(self) -> Counter[str]:
        """Fail what processes of this host left running when they died; how often every key has failed so far."""
        with _held(self._lock):
            for trial in self._trials(TrialState.RUNNING):
                if not _owner_lives(trial):
                    self._study.tell(trial.number, state=TrialState.FAIL)
            return Counter(trial.user_attrs["key"] for trial in self._trials(TrialState.FAIL))

    def run_next(self, pending: Callable[[], Sequence[str]], run: Callable[[str], float]) -> str | None:
        """Claim one of the keys in `pending()`, run it and tell the ledger its value, or its failure.

        Returns the key, or None when none is left to claim. `run` may raise `TrialFailed`; all else passes through.
        """
        with ExitStack() as claiming:
            claiming.enter_context(_held(self._lock))
            wanted = self._top_up(pending)
            if not wanted:
                return None
            popped: list[str] = []

            def objective(trial: optuna.Trial) -> float:
                popped.append(trial.user_attrs["key"])
                trial.set_user_attr("claim", _this_process())
                claiming.close()
                if popped[0] not in wanted:  # left waiting by a run that wanted more than this one
                    raise optuna.TrialPruned
                return run(popped[0])

            self._study.optimize(objective, n_trials=1, catch=(TrialFailed,))
        return popped[0]

    def _top_up(self, pending: Callable[[], Sequence[str]]) -> Sequence[str]:
        """Have up to WINDOW pending keys wait, those that run excepted; what is pending, or nothing if none waits."""
        waiting, running = self._keys(TrialState.WAITING), self._keys(TrialState.RUNNING)
        # Asked after the states: a key stops pending before its trial stops running, so none is queued once more.
        wanted = pending()
        queued = waiting.intersection(wanted)
        missing = [key for key in wanted if key not in waiting and key not in running]
        for key in missing[: max(0, WINDOW - len(queued))]:
            self._study.enqueue_trial({}, user_attrs={"key": key})
            queued.add(key)
        return wanted if queued else []

    def _keys(self, state: TrialState) -> set[str]:
        return {trial.user_attrs["key"] for trial in self._trials(state)}

    def _trials(self, state: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(state,))


def running_keys(path: Path) -> list[str]:
    """Keys of the trials that a living process works on now, by the ledger at `path`; empty when there is none."""
    if not path.exists():
        return []
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _readable(path):
        storage = optuna.storages.RDBStorage(_url(path))
        trials = [
            trial
            for study in optuna.get_all_study_names(storage)
            for trial in optuna.load_study(study_name=study, storage=storage).get_trials(states=(TrialState.RUNNING,))
        ]
    return [trial.user_attrs["key"] for trial in trials if _owner_lives(trial)]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise `ResultsError` for a file that is no ledger; finished trials are in records/ and need none."""
    try:
        yield
    except (DatabaseError, optuna.exceptions.StorageInternalError) as error:
        raise ResultsError(f"{path}: is no ledger that can be read; delete it, finished trials are kept") from error


def _url(path: Path) -> str:
    return f"sqlite:///{path.resolve()}"


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; each holder opens it anew, so threads exclude each other as processes do."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@cache
def _this_process() -> dict[str, Any]:
    """What tells this process from every other, also from one that gets its number after a restart."""
    process = psutil.Process()
    return {"host": socket.gethostname(), "pid": process.pid, "started": process.create_time()}


def _owner_lives(trial: FrozenTrial) -> bool:
    """Whether the process that claimed `trial` runs; one of another host is taken to. Call this under the lock:
    a trial is popped and claimed while it is held, so a trial without a claim lost its owner in between."""
    if "claim" not in trial.user_attrs:
        return False
    claim = trial.user_attrs["claim"]
    if claim["host"] != socket.gethostname():
        return True
    try:
        return bool(psutil.Process(claim["pid"]).create_time() == claim["started"])
    except psutil.NoSuchProcess:
        return False
