"""Where a ledger lies."""

import importlib.util
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ablate.errors import LedgerError

WAIT_FOR_LOCK_SECONDS = 60  # of SQLite, for a lock that another program has on the file
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Place:
    """A file of one results folder, or a server that results folders on any number of hosts share.

    `folder` holds the lock files of this host's runs, `shown` names the ledger without its password.
    """

    kind: Literal["file", "server"]
    folder: Path
    shown: str
    url: URL = field(repr=False)

    @property
    def file(self) -> Path:
        """Of a ledger that is a file."""
        assert self.url.database is not None
        return Path(self.url.database)

    @property
    def lock(self) -> Path:
        """What this host's runs lock while they look and claim."""
        return self.folder / "ledger.lock"

    @property
    def runs(self) -> Path:
        """Where this host's runs show that they are alive."""
        return self.folder / "ledger.runs"


def file_place(folder: Path) -> Place:
    """ledger.db of the results folder `folder`."""
    path = folder.resolve() / "ledger.db"
    return Place("file", path.parent, str(folder / "ledger.db"), URL.create("sqlite", database=str(path)))


def server_place(folder: Path, url: str) -> Place:
    """The database at `url`; raises `LedgerError` for what names none, never showing a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerError("--ledger: is no URL; name a database as postgresql://USER@HOST/NAME") from None
    if parsed.get_backend_name() != "postgresql" or parsed.database is None:
        raise LedgerError(
            f"--ledger {parsed.render_as_string(hide_password=True)}: only PostgreSQL is shared safely; name one "
            "as postgresql://USER@HOST/NAME, or leave --ledger out for a ledger of this folder alone"
        )
    if importlib.util.find_spec("psycopg") is None:
        raise LedgerError("--ledger: PostgreSQL's driver is not installed; pip install 'psycopg[binary]'")
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    return Place("server", folder.resolve(), shown, parsed.set(drivername="postgresql+psycopg"))


def this_host() -> str:
    """The name under which others see this host."""
    return socket.gethostname()
