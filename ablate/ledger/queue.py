"""Claim, complete, fail: what a run does with the trials of its study, alone or among others.

Three things hold whatever dies when: a key is running for one run at most, it is told complete once at most, and only
after its record was written. All of it happens under the ledger's lock.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ablate.errors import LedgerError
from ablate.ledger.agreement import Agreement
from ablate.ledger.joining import Rebuilt, joined, name_of, unusable
from ablate.ledger.place import Place, this_host
from ablate.ledger.presence import Presence
from ablate.ledger.storage import BEAT_SECONDS, GRACE_SECONDS, Damaged, Patience, alone, file_number
from ablate.ledger.trials import failures, is_told

T = TypeVar("T")


class Shelf(Protocol):
    """The records of this host, as the ledger needs them."""

    def value(self, key: str) -> float | None:
        """What to tell of `key`; None while it has no record here."""
        ...

    def text(self, key: str) -> str:
        """The record of `key`, as others may have it."""
        ...


@dataclass(frozen=True)
class Claim:
    """One attempt at a trial: its key, its number in the ledger, and which attempt it is, counted from 1."""

    key: str
    number: int
    attempt: int


@dataclass(frozen=True)
class View:
    """The ledger at one moment, the claims of dead runs freed.

    `running`: key -> the host that works on it, for this run and others. `failures`: key -> causes of the attempts that
    have failed since this run joined. `records`: key -> the record that is carried with it, on a shared ledger.
    """

    running: Mapping[str, str]
    failures: Mapping[str, tuple[str, ...]]
    records: Mapping[str, str]


class Ledger:
    """The queue of one study. A context manager; used from several threads.

    `on_wait` is told why the ledger does not answer, each time it is asked again, and `on_rebuilt` why a file was
    replaced and where it lies now; `on_alone` is called before any other run can join, if none of this folder lives.
    Everything raises `LedgerError` for a ledger that cannot be used or joined, and
    `Stopped` when it was stopped meanwhile.
    """

    def __init__(
        self,
        place: Place,
        study: str,
        shelf: Shelf,
        *,
        agreement: Agreement | None = None,
        on_wait: Callable[[str], None] = lambda cause: None,
        on_rebuilt: Rebuilt = lambda cause, path: None,
        on_alone: Callable[[], None] = lambda: None,
    ) -> None:
        self._place, self._shelf = place, shelf
        self._name = name_of(study, agreement)
        self._stopped = threading.Event()
        self._patience = Patience(place, self._stopped, on_wait)
        self._active: dict[int, str] = {}
        with self._patience.first(lambda: alone(place, self._name, self._patience.pause)):
            self._presence = Presence(place.runs)
            try:
                if not self._presence.others():
                    on_alone()
                self._trials = joined(place, study, agreement, self._patience, self._presence, on_rebuilt)
            except BaseException:
                self._presence.close()
                raise
            self._file = file_number(place)
            self._joined_at = self._trials.count()
            self._free_dead(self._trials.of())
            self._presence.bury()
        self._beating = threading.Thread(target=self._beat, daemon=True)
        if self._is_shared:
            self._beating.start()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def stop(self) -> None:
        """Wait for nothing any more; from any thread."""
        self._stopped.set()

    def close(self) -> None:
        """Leave the study; what this run still works on is free for others."""
        self.stop()
        if self._beating.is_alive():
            self._beating.join()
        self._presence.close()
        self._trials.close()

    def claim(
        self, choose: Callable[[View], str | None], called: Callable[[str], str] = lambda key: key
    ) -> Claim | None:
        """Claim the key that `choose` picks of a view, None where it picks none; it may be asked more than once.

        `called` says what to show of a key to who looks at what runs.
        """
        return self._asked(lambda: self._claim(choose, called))

    def complete(self, claim: Claim) -> str | None:
        """Tell that the record of `claim` is written. Returns another host's record if that one was told before."""
        return self._asked(lambda: self._complete(claim))

    def fail(self, claim: Claim, cause: str | None) -> tuple[str, ...]:
        """Tell that `claim` has no result, for `cause` unless that is no fault of the trial; all its causes so far."""
        return self._asked(lambda: self._fail(claim, cause))

    def carry(self, keys: Sequence[str]) -> None:
        """Have a shared ledger hold the record of every one of `keys` that lies on the shelf here."""
        if self._is_shared:
            self._asked(lambda: self._carry(keys))

    @property
    def _is_shared(self) -> bool:
        return self._place.kind == "server"

    @property
    def _telling(self) -> tuple[TrialState, ...]:
        """The trials that a view is made of: those that are complete tell something where they carry their records."""
        open_ones = (TrialState.RUNNING, TrialState.FAIL)
        return (*open_ones, TrialState.COMPLETE) if self._is_shared else open_ones

    def _claim(self, choose: Callable[[View], str | None], called: Callable[[str], str]) -> Claim | None:
        with self._alone():
            trials = self._trials.of(*self._telling)
            if self._free_dead(trials):
                trials = self._trials.of(*self._telling)
            key = choose(self._view(trials))
            if key is None:
                return None
            failed = sum(trial.state == TrialState.FAIL and trial.user_attrs["key"] == key for trial in trials)
            claimed = {"host": this_host(), "run": self._presence.run, "trial": called(key)}
            number = self._trials.begin(key, claimed)
            self._active[number] = key
            if self._is_shared:
                self._trials.sign_of_life(number)
            return Claim(key, number, failed + 1)

    def _complete(self, claim: Claim) -> str | None:
        with self._alone():
            told = is_told(self._trials.of(TrialState.COMPLETE), claim.key)
            if told is None:
                if not self._trials.tell(claim.number, *self._told(claim.key)):
                    self._trials.add(claim.key, *self._told(claim.key))  # what ran it is not known here any more
            elif told.number != claim.number:
                self._trials.end(claim.number)
            self._active.pop(claim.number, None)
        lost = told is not None and told.number != claim.number and "record" in told.user_attrs
        return told.user_attrs["record"] if told is not None and lost else None

    def _fail(self, claim: Claim, cause: str | None) -> tuple[str, ...]:
        with self._alone():
            self._trials.end(claim.number, cause)
            self._active.pop(claim.number, None)
            return failures(self._trials.of(TrialState.FAIL), self._joined_at)[claim.key]

    def _carry(self, keys: Sequence[str]) -> None:
        with self._alone():
            told = {trial.user_attrs["key"] for trial in self._trials.of(TrialState.COMPLETE)}
            for key in keys:
                if key not in told and self._shelf.value(key) is not None:
                    self._trials.add(key, *self._told(key))

    def _told(self, key: str) -> tuple[float, str | None]:
        value = self._shelf.value(key)
        assert value is not None, f"{key} is told before its record is written"
        return value, self._shelf.text(key) if self._is_shared else None

    def _free_dead(self, trials: Sequence[FrozenTrial]) -> bool:
        """Fail what dead runs left running, or complete it where only the telling was missing; whether any was."""
        running = [t for t in trials if t.state == TrialState.RUNNING and t.number not in self._active]
        dead = [trial for trial in running if self._is_dead(trial)]
        told = self._trials.of(TrialState.COMPLETE) if dead else []
        for trial in dead:
            key = trial.user_attrs["key"]
            is_recorded = self._shelf.value(key) is not None and is_told(told, key) is None
            if not (is_recorded and self._trials.tell(trial.number, *self._told(key))):
                self._trials.end(trial.number)
        if self._is_shared and self._patience.has_heard_for(GRACE_SECONDS):
            self._trials.end_silent()
        return bool(dead) or (self._is_shared and bool(running))

    def _is_dead(self, trial: FrozenTrial) -> bool:
        """A run of another folder may live as long as a shared ledger hears of it; a file has no other folders."""
        claim = trial.user_attrs["claim"]
        state = "dead" if claim["run"] == self._presence.run else self._presence.of(claim["run"])
        return state == "dead" or (state == "unknown" and not self._is_shared)

    def _view(self, trials: Sequence[FrozenTrial]) -> View:
        running = {key: this_host() for key in self._active.values()}
        records = {}
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                running[trial.user_attrs["key"]] = trial.user_attrs["claim"]["host"]
            elif trial.state == TrialState.COMPLETE and "record" in trial.user_attrs:
                records[trial.user_attrs["key"]] = trial.user_attrs["record"]
        return View(running, failures(trials, self._joined_at), records)

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            for number in list(self._active):
                with suppress(SQLAlchemyError, StorageInternalError, KeyError):  # whoever asks for a trial says so
                    self._trials.sign_of_life(number)

    def _asked(self, act: Callable[[], T]) -> T:
        try:
            return self._patience.ask(act)
        except Damaged as error:
            raise unusable(self._place, error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with alone(self._place, self._name, self._patience.pause):
            if file_number(self._place) != self._file:
                raise LedgerError(
                    f"{self._place.shown}: was deleted or replaced while this ran; run the same command again, "
                    "finished trials are kept"
                )
            yield
