"""Optuna's storage of a ledger: opened, locked, waited for while it does not answer, made anew when it is damaged."""

import hashlib
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from ablate.errors import LedgerError, ResultsError
from ablate.ledger.place import CONNECT_SECONDS, WAIT_FOR_LOCK_SECONDS, Place
from ablate.locks import held

T = TypeVar("T")

PATIENCE_SECONDS = 600  # with a ledger that does not answer any more
FIRST_PATIENCE_SECONDS = 20  # with one that has not answered yet: its name may be wrong
RETRY_SECONDS = 1.0
BEAT_SECONDS = 15  # between two signs of life that a run on a shared ledger gives of its trials
GRACE_SECONDS = 120  # after the last of them, until other hosts take the trials over
LOCK_POLL_SECONDS = 0.05


class Damaged(Exception):
    """The ledger's file is none that this version of Optuna can use; `cause` says why."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Stopped(Exception):
    """The run was stopped while it waited."""


class Patience:
    """Asks again while a ledger does not answer, until the run is `stopped`; `on_wait` is told why, each time."""

    def __init__(self, place: Place, stopped: threading.Event, on_wait: Callable[[str], None]) -> None:
        self._place, self.stopped, self._on_wait = place, stopped, on_wait
        self._answered_since = -float("inf")

    def ask(self, act: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        """What `act` returns, once it does; raises `Damaged`, `Stopped`, or `LedgerError` after `seconds` without."""
        began = time.monotonic()
        while True:
            try:
                return act()
            except (SQLAlchemyError, StorageInternalError) as error:
                cause = self._cause(error)
                if not _passes(error):
                    raise Damaged(cause) from error
                if time.monotonic() - began > seconds:
                    raise LedgerError(
                        f"{self._place.shown}: does not answer ({cause}); see to it and run the same command again, "
                        "finished trials are kept"
                    ) from error
                self._on_wait(cause)
                self.pause(RETRY_SECONDS)
                self._answered_since = time.monotonic()

    def first_answer(self, act: Callable[[], T]) -> T:
        """As `ask`, of a ledger that has not answered yet."""
        return self.ask(act, FIRST_PATIENCE_SECONDS)

    @contextmanager
    def first(self, enter: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """The context that `enter` gives, entered once the ledger answers; raises as `ask`, but `LedgerError`."""
        with ExitStack() as stack:
            try:
                self.first_answer(lambda: stack.enter_context(enter()))
            except Damaged as error:
                raise LedgerError(
                    f"{self._place.shown}: cannot be used ({error.cause}); see to it, or name another"
                ) from error
            yield

    def has_heard_for(self, seconds: float) -> bool:
        """Whether the ledger has answered all the time that long, as far as this run knows: after an outage no host
        could give a sign of life, so none is taken for dead."""
        return time.monotonic() - self._answered_since > seconds

    def pause(self, seconds: float = 0.0) -> None:
        """Wait; raises `Stopped` when the run is."""
        if self.stopped.wait(seconds):
            raise Stopped

    def _cause(self, error: Exception) -> str:
        root = _roots(error)[0]
        said = str(root.orig if isinstance(root, DBAPIError) else root).strip() or type(root).__name__
        password = self._place.url.password
        line = said.splitlines()[0]
        return line.replace(password, "***") if password else line


def _roots(error: Exception) -> list[Exception]:
    """What the driver has raised, if Optuna or SQLAlchemy have met `error` while they handled that, then `error`."""
    chain, link = [error], error.__cause__ or error.__context__
    while link is not None:
        if isinstance(link, DBAPIError):
            chain.insert(0, link)
        link = link.__cause__ or link.__context__
    return chain


def _passes(error: Exception) -> bool:
    """Whether `error` can pass: a server that is away, a file that another program has locked."""
    root = _roots(error)[0]
    if not isinstance(root, OperationalError | InterfaceError):
        return isinstance(root, DBAPIError) and root.connection_invalidated
    said = str(root.orig).lower()
    if "sqlite" in type(root.orig).__module__:
        return "locked" in said or "busy" in said
    return not any(word in said for word in ("authentication failed", "does not exist", "permission denied"))


class _Unsynced(sqlite3.Connection):
    """Does not wait for the disk. What a power cut can spoil is made anew from plan.json and the records."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.execute("PRAGMA synchronous = OFF")


def opened(place: Place) -> RDBStorage:
    """The storage at `place`, its tables made if need be; call it while the lock is held, raises `Damaged`."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    url = place.url.render_as_string(hide_password=False)
    try:
        if place.kind == "file":
            return RDBStorage(url, {"connect_args": {"timeout": WAIT_FOR_LOCK_SECONDS, "factory": _Unsynced}})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats are called experimental
            kwargs = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_SECONDS}}
            return RDBStorage(url, kwargs, heartbeat_interval=BEAT_SECONDS, grace_period=GRACE_SECONDS)
    except RuntimeError as error:  # of another version of Optuna
        raise Damaged(str(error).partition(". ")[0]) from error


def close(storage: RDBStorage) -> None:
    """Let go of every connection."""
    storage.remove_session()
    storage.engine.dispose()


@contextmanager
def alone(place: Place, what: str, pause: Callable[[], None]) -> Iterator[None]:
    """Hold the ledger's lock: on this host a file's, and on a server an advisory lock named after `what` as well.

    SQLite knows no row locks, and on a server two hosts could add the same trial.
    """
    with held(place.lock, pause):
        if place.kind == "file":
            yield
            return
        with _advisory_lock(place, what, pause):
            yield


@contextmanager
def _advisory_lock(place: Place, what: str, pause: Callable[[], None]) -> Iterator[None]:
    """Of the session, so that a host that dies lets go."""
    key = int.from_bytes(hashlib.sha256(f"ablate {what}".encode()).digest()[:8], "big", signed=True)
    engine = sqlalchemy.create_engine(
        place.url,
        poolclass=sqlalchemy.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    with engine.connect() as connection:
        while not _scalar(connection, "SELECT pg_try_advisory_lock(:key)", key):
            pause()
            time.sleep(LOCK_POLL_SECONDS)
        yield  # closing the connection lets go


def _scalar(connection: sqlalchemy.Connection, query: str, key: int) -> Any:
    return connection.execute(sqlalchemy.text(query), {"key": key}).scalar()


def server_version(place: Place) -> str:
    """What the server at `place` calls itself; raises `LedgerError` when it does not answer."""
    patience = Patience(place, threading.Event(), lambda cause: None)
    engine = sqlalchemy.create_engine(
        place.url, poolclass=sqlalchemy.NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )

    def ask() -> str:
        with engine.connect() as connection:
            return f"PostgreSQL {connection.execute(sqlalchemy.text('SHOW server_version')).scalar()}"

    try:
        return patience.ask(ask, 0.0)
    except Damaged as error:
        raise LedgerError(f"{place.shown}: cannot be used ({error.cause})") from error


def moved_aside(path: Path) -> Path:
    """Give the ledger's file another name, one that is free, with what SQLite keeps beside it; its new path."""
    number = 1
    while (target := path.with_name(f"{path.name}.unusable-{number}")).exists():
        number += 1
    try:
        path.replace(target)
        for tail in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + tail).unlink(missing_ok=True)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be moved ({error.strerror}); name another folder with --results") from error
    return target


def file_number(place: Place) -> int | None:
    """What tells the ledger's file from another that takes its place; None for a server, or no file."""
    if place.kind == "server" or not place.file.exists():
        return None
    return place.file.stat().st_ino
