"""Counts of networks, kept between studies and runs in the user's cache folder. Free of torch.

A count follows from the resolved network and the version of torch alone, so a network is counted once. Nothing depends
on the cache: where it cannot be read or written, networks are counted again.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

CHUNK = 500


def cache_path() -> Path:
    """`ablate/counts.db` in XDG_CACHE_HOME, by default ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ablate" / "counts.db"


def recall(keys: Iterable[str]) -> dict[str, Any]:
    """What is known of `keys`, by key."""
    asked, found = list(keys), dict[str, Any]()
    with suppress(sqlite3.Error, OSError, ValueError), _opened() as database:
        for chunk in (asked[start : start + CHUNK] for start in range(0, len(asked), CHUNK)):
            marks = ", ".join("?" * len(chunk))
            rows = database.execute(f"SELECT key, counts FROM counts WHERE key IN ({marks})", chunk)
            found |= {key: json.loads(counts) for key, counts in rows}
    return found


def remember(counted: Mapping[str, Any]) -> None:
    """Keep `counted`, key -> JSON."""
    rows = [(key, json.dumps(counts)) for key, counts in counted.items()]
    with suppress(sqlite3.Error, OSError), _opened() as database, database:
        database.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?)", rows)


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    path = cache_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=10)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, counts TEXT NOT NULL)")
        yield database
