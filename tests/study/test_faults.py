"""What goes wrong around a study: disks, ledgers, records, clocks. Each run goes on, or stops with one message."""

import errno
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import AblateError, LedgerError, ResultsError
from ablate.records import load_record, record_path
from ablate.study.running.events import (
    LedgerRebuilt,
    LedgerWait,
    RecordSetAside,
    TrialArrived,
    TrialFinished,
    TrialStarted,
)
from ablate.study.status import status_of


def no_room(*arguments: Any, **named: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def at_call(number: int, whole: Callable[..., Any], instead: Callable[..., Any]) -> Callable[..., Any]:
    """`whole`, but for the call numbered `number`, counted from 1, and those after it."""
    calls = itertools.count(1)
    return lambda *arguments, **named: (whole if next(calls) < number else instead)(*arguments, **named)


class TestFullDisk:
    @pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 12])
    def test_the_run_stops_with_one_message_and_goes_on_when_there_is_room(
        self, engine: Any, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        with monkeypatch.context() as full:
            full.setattr(os, "fsync", at_call(number, os.fsync, no_room))
            with pytest.raises(ResultsError, match=r"cannot be written \(No space left on device\)"):
                engine.run()
        assert not list(engine.results.rglob("*.partial"))
        finished = len(list(engine.results.glob("records/*.json")))
        trained = len(engine.calls())
        assert engine.run().missing == 0
        assert len(engine.calls()) - trained == 4 - finished

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
    def test_on_a_disk_that_is_really_full(self, engine: Any) -> None:
        engine.run(max_hours=0.0)
        disk = engine.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False)
        if mounted.returncode != 0:
            pytest.skip("no disk can be mounted here")
        try:
            shutil.copytree(engine.results, disk / "toy")
            shutil.rmtree(engine.results)
            engine.results.symlink_to(disk / "toy")
            filler = disk / "filler"
            self.fill(filler)
            with pytest.raises(AblateError, match=r"No space left on device|database or disk is full") as raised:
                engine.run()
            assert "\n" not in str(raised.value)
            filler.unlink()
            assert engine.run().missing == 0
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    def fill(self, path: Path) -> None:
        with suppress(OSError), path.open("wb", buffering=0) as stream:
            while stream.write(b"x" * 4096):
                pass


class TestReadOnly:
    @pytest.fixture
    def read_only(self, engine: Any) -> Iterator[None]:
        if os.geteuid() != 0:
            pytest.skip("only root can mount")
        engine.run()
        bound = ["mount", "--bind", engine.results, engine.results]
        if subprocess.run(bound, check=False).returncode != 0:
            pytest.skip("no disk can be mounted here")
        subprocess.run(["mount", "-o", "remount,ro,bind", engine.results], check=True)
        yield
        subprocess.run(["umount", "-l", engine.results], check=True)

    def test_a_finished_study_is_read_all_the_same(self, engine: Any, read_only: None) -> None:
        assert engine.run().work == "none"
        assert status_of(engine.results).complete == 4

    def test_what_would_be_new_is_refused_in_one_message(self, engine: Any, read_only: None) -> None:
        with pytest.raises(ResultsError, match=r"\(Read-only file system\); name another folder with --results"):
            engine.run("seeds=3")
        assert len(engine.calls()) == 4


class TestRecords:
    @pytest.mark.parametrize("damage", ["truncated", "emptied", "another's", "garbage"])
    def test_a_damaged_one_is_set_aside_and_its_trial_runs_again(self, engine: Any, damage: str) -> None:
        engine.run()
        keys = engine.keys()
        path = record_path(engine.results, keys["strided", 0])
        whole, trained = load_record(engine.results, path.stem), len(engine.calls())
        contents = {
            "truncated": path.read_text()[:200],
            "emptied": "",
            "another's": record_path(engine.results, keys["maxpool", 0]).read_text(),
            "garbage": "\0" * 99,
        }
        path.write_text(contents[damage])
        assert engine.run().missing == 0
        assert engine.calls()[trained:] == [path.stem]
        (told,) = [event for event in engine.events if isinstance(event, RecordSetAside)]
        assert (told.variant, told.seed, told.path.read_text()) == ("strided", 0, contents[damage])
        again = load_record(engine.results, path.stem)
        assert again is not None
        assert whole is not None
        assert (again.metrics, again.curve, again.correct) == (whole.metrics, whole.curve, whole.correct)

    def test_one_of_a_trial_that_is_not_planned_is_left_alone(self, engine: Any) -> None:
        engine.run()
        foreign = record_path(engine.results, "f" * 64)
        foreign.write_text("whatever")
        assert engine.run().work == "none"
        assert foreign.read_text() == "whatever"

    @pytest.mark.parametrize("name", ["plan.json", "environment.json", "execution.json"])
    def test_what_runs_share_must_be_readable(self, engine: Any, name: str) -> None:
        engine.run()
        path = engine.results / name
        path.write_text(path.read_text()[:50])
        with pytest.raises(ResultsError, match=rf"{name}: .*delete it") as raised:
            engine.run("seeds=3")
        assert "\n" not in str(raised.value)
        path.unlink()
        assert engine.run("seeds=3").missing == 0
        assert len(engine.calls()) == 6


class TestLedger:
    def test_deleted_it_is_made_anew_from_plan_and_records(self, engine: Any) -> None:
        engine.run()
        for path in engine.results.glob("ledger*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert engine.run("seeds=3").missing == 0
        assert len(engine.calls()) == len(set(engine.calls())) == 6

    def test_damaged_it_is_made_anew_and_that_is_told(self, engine: Any) -> None:
        engine.run()
        (engine.results / "ledger.db").write_text("junk" * 999)
        assert engine.run("seeds=3").missing == 0
        assert len(engine.calls()) == 6
        (told,) = [event for event in engine.events if isinstance(event, LedgerRebuilt)]
        assert told == LedgerRebuilt("file is not a database", engine.results.resolve() / "ledger.db.unusable-1")

    def test_deleted_amid_a_run_it_ends_the_run_and_nothing_finished_is_lost(self, engine: Any) -> None:
        def delete(event: Any) -> None:
            if isinstance(event, TrialFinished):
                (engine.results / "ledger.db").unlink(missing_ok=True)

        with pytest.raises(LedgerError, match=r"was deleted or replaced while this ran; run the same command again"):
            engine.observe(delete).run()
        finished = len(list(engine.results.glob("records/*.json")))
        assert finished >= 1
        assert engine.run().missing == 0
        assert len(engine.calls()) == 4

    def test_locked_by_another_program_it_is_waited_for(self, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A copy or a shell may lock it for half a minute; here until the run has said that it waits."""
        monkeypatch.setattr("ablate.ledger.storage.WAIT_FOR_LOCK_SECONDS", 0.05)
        monkeypatch.setattr("ablate.ledger.storage.RETRY_SECONDS", 0.01)
        engine.run(max_hours=0.0)
        with engine.ledger_locked() as release:

            def observe(event: Any) -> None:
                if isinstance(event, LedgerWait):
                    release()

            assert engine.observe(observe).run().missing == 0
        waits = [event for event in engine.events if isinstance(event, LedgerWait)]
        assert waits[0] == LedgerWait("database is locked")
        assert len(engine.calls()) == 4

    def test_it_is_not_waited_for_for_ever(self, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ablate.ledger.storage.WAIT_FOR_LOCK_SECONDS", 0.05)
        monkeypatch.setattr("ablate.ledger.storage.RETRY_SECONDS", 0.01)
        monkeypatch.setattr("ablate.ledger.storage.FIRST_PATIENCE_SECONDS", 0.1)
        engine.run(max_hours=0.0)
        with (
            engine.ledger_locked(),
            pytest.raises(
                LedgerError, match=r"ledger\.db: does not answer \(database is locked\); see to it and run the same"
            ),
        ):
            engine.run()


class TestClock:
    def test_jumps_of_the_clock_change_nothing(self, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        now, days = time.time(), itertools.cycle([0, 400, -400, 3])
        monkeypatch.setattr(time, "time", lambda: now + 86400 * next(days))
        outcome = engine.run(workers=2)
        assert (outcome.missing, outcome.failed) == (0, 0)
        assert sorted(engine.calls()) == sorted(set(engine.calls()))
        assert outcome.results.trials["attempts"].tolist() == [1] * 4


def test_two_runs_share_the_work_and_both_end_with_everything(engine: Any) -> None:
    """The second begins when the first has begun a trial."""
    seconds: list[Any] = []

    def join_in(event: Any) -> None:
        if isinstance(event, TrialStarted) and not seconds:
            seconds.append(executor.submit(engine.run))

    with ThreadPoolExecutor(1) as executor:
        first = engine.observe(join_in).run()
        second = seconds[0].result()
    assert (first.missing, second.missing) == (0, 0)
    assert sorted(engine.calls()) == sorted(engine.keys().values())
    told = [(event.variant, event.seed) for event in engine.events if isinstance(event, TrialFinished | TrialArrived)]
    assert all(told.count(cell) == 2 for cell in set(told) - {told[0]}), "each shows all that happens while it runs"
