"""Runs that are killed, and what must be the same afterwards."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from ablate import report
from ablate.records import load_results, read_json

TRIALS = 12
TABLES = ("trials", "variants", "contrasts", "claims", "curves")
TIMES = ("train_seconds", "train_images_per_second", "attempts")


class Launcher:
    """tests/launcher.py, asked for runs."""

    def __init__(self) -> None:
        program = Path(__file__).parent / "launcher.py"
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, str(program)], **pipes)

    def start(
        self, folder: Path, crash: str | None = None, at: int = 0, ledger: str | None = None, workers: int = 2
    ) -> int:
        order = {"folder": str(folder), "crash": crash, "at": at, "ledger": ledger, "workers": workers}
        return self._ask(order)

    def wait(self, pid: int) -> int:
        """Its exit status, or minus the signal that killed it."""
        return self._ask({"wait": pid})

    def run(self, folder: Path, **order: Any) -> int:
        return self.wait(self.start(folder, **order))

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def keys_of(folder: Path) -> list[str]:
    return [key for variant in read_json(folder / "plan.json")["variants"] for key in variant["keys"].values()]


def told(folder: Path) -> list[str]:
    """Keys of the trials that the ledger has as complete."""
    query = """
        SELECT value_json FROM trials JOIN trial_user_attributes USING (trial_id)
        WHERE state = 'COMPLETE' AND key = 'key'
    """
    connection = sqlite3.connect(folder / "ledger.db")
    rows = connection.execute(query).fetchall()
    connection.close()
    return [json.loads(row[0]) for row in rows]


def records(folder: Path) -> dict[str, Any]:
    """The records without what times and attempts move."""
    found = {}
    for path in (folder / "records").glob("*.json"):
        record = read_json(path)
        del record["attempts"]
        found[path.stem] = record
    return found


def check_same(folder: Path, undisturbed: Path) -> None:
    assert Counter(told(folder)) == dict.fromkeys(keys_of(folder), 1)
    assert records(folder) == records(undisturbed)
    assert not list(folder.rglob("*.partial"))
    assert not list(folder.rglob("*.pt"))


def check_tables(folder: Path, undisturbed: Path) -> None:
    one, other = (report.tables(load_results(each)) for each in (folder, undisturbed))
    for name in TABLES:
        left, right = (getattr(each, name) for each in (one, other))
        left, right = (table.drop(columns=[column for column in TIMES if column in table]) for table in (left, right))
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def kill(pid: int, target: str, chance: random.Random) -> None:
    """Kill the run `pid`, one of its workers, or all of them; whoever has ended already is left alone."""
    with suppress(psutil.NoSuchProcess):
        run = psutil.Process(pid)
        workers = run.children(recursive=True)
        chosen = {"parent": [run], "all": [run, *workers], "worker": chance.sample(workers, min(1, len(workers)))}
        for process in chosen[target]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
