"""Each key is run by one run, told once, and nothing is lost with a process that dies."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from ablate.errors import LedgerError
from ablate.ledger import Ledger, View, file_place, running_keys, server_place
from ablate.ledger import queue as queue_module

Site = Any

PROGRAM = """
import json, os, sys
from pathlib import Path
from ablate.ledger import Agreement, Ledger, file_place, server_place

folder, url, act, *keys = sys.argv[1:]
place = file_place(Path(folder)) if url == "file" else server_place(Path(folder), url)

class Shelf:
    records = {}
    def value(self, key):
        return 0.5 if key in self.records else None
    def text(self, key):
        return self.records[key]

agreement = None if url == "file" else Agreement(*json.loads(os.environ["AGREED"]))
ledger = Ledger(place, "toy", Shelf(), agreement=agreement)
claim = ledger.claim(lambda view: next((key for key in keys if key not in view.running), None))
if act == "after the record":
    (Path(folder) / claim.key).write_text("record")
print(claim.key, flush=True)
if act == "hold":
    sys.stdin.readline()
os._exit(9)
"""


def command(site: Site, act: str, *keys: str, folder: Path | None = None) -> list[str]:
    place = site.place
    url = "file" if place.kind == "file" else site.url
    return [sys.executable, "-c", PROGRAM, str(folder or place.folder), url, act, *keys]


def environment(site: Site) -> dict[str, str]:
    agreed = site.agreement
    stated = [] if agreed is None else [agreed.base, agreed.digest, agreed.host]
    return {**os.environ, "AGREED": json.dumps(stated)}


def die_amid(site: Site, *keys: str, act: str = "claim", folder: Path | None = None) -> None:
    """A process that claims the first of `keys` and is gone in the middle of it."""
    done = subprocess.run(command(site, act, *keys, folder=folder), env=environment(site), check=False)
    assert done.returncode == 9


class TestOrder:
    def test_every_key_runs_once_in_the_order_asked_for(self, site: Site) -> None:
        keys = [f"key{number}" for number in range(5)]
        with site.open() as ledger:
            assert site.drain(ledger, *keys) == keys
        assert site.states() == [(key, TrialState.COMPLETE) for key in keys]

    def test_the_value_is_told_and_a_server_carries_the_record(self, site: Site) -> None:
        with site.open() as ledger:
            site.drain(ledger, "a")
        (trial,) = site.trials()
        assert trial.value == 0.5
        assert ("record" in trial.user_attrs) == (site.place.kind == "server")

    def test_keys_come_back_while_they_are_chosen(self, site: Site) -> None:
        with site.open() as ledger:
            ran = site.drain(ledger, "a", "b", fails=Counter({"a": 2}))
        assert Counter(ran) == {"a": 3, "b": 1}
        assert Counter(site.states()) == {
            ("a", TrialState.FAIL): 2,
            ("a", TrialState.COMPLETE): 1,
            ("b", TrialState.COMPLETE): 1,
        }

    def test_attempts_are_counted_over_all_runs(self, site: Site) -> None:
        attempts = []
        for _ in range(3):
            with site.open() as ledger:
                claim = ledger.claim(lambda view: "a")
                attempts.append(claim.attempt)
                ledger.fail(claim, "no luck")
        assert attempts == [1, 2, 3]

    def test_causes_are_those_since_a_run_joined_and_of_every_run(self, site: Site) -> None:
        with site.open() as earlier:
            earlier.fail(earlier.claim(lambda view: "a"), "too early")
            with site.open() as ledger:
                assert earlier.fail(earlier.claim(lambda view: "a"), "by another") == ("too early", "by another")
                assert ledger.fail(ledger.claim(lambda view: "a"), "here") == ("by another", "here")
                assert ledger.fail(ledger.claim(lambda view: "b"), None) == ()
                views: list[View] = []
                ledger.claim(views.append)
                assert dict(views[0].failures) == {"a": ("by another", "here")}


class TestClaims:
    def test_a_dead_process_s_claim_is_freed_at_once(self, site: Site) -> None:
        die_amid(site, "a", "b")
        assert site.keys(TrialState.RUNNING) == ["a"]
        with site.open() as ledger:
            assert site.drain(ledger, "a", "b") == ["a", "b"]
        assert Counter(site.states())["a", TrialState.FAIL] == 1

    def test_a_record_that_was_written_but_not_told_is_told_not_run(self, site: Site) -> None:
        die_amid(site, "a", "b")
        site.shelf.records["a"] = "record of a"
        with site.open() as ledger:
            assert site.drain(ledger, "a", "b") == ["b"]
        assert site.states() == [("a", TrialState.COMPLETE), ("b", TrialState.COMPLETE)]

    def test_a_living_process_s_claim_is_kept(self, site: Site) -> None:
        with subprocess.Popen(
            command(site, "hold", "a"),
            env=environment(site),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "a\n"
            with site.open() as ledger:
                views: list[View] = []
                ledger.claim(views.append)
                assert dict(views[0].running) == {"a": socket.gethostname()}
                assert site.drain(ledger, "a", "b") == ["b"]
                if site.place.kind == "file":
                    assert running_keys(site.place.folder) == {"a": "a"}
                other.communicate("\n")
                assert site.drain(ledger, "a", "b") == ["a"]

    def test_a_claim_says_what_it_is_called_where_it_is_told(self, file_site: Site) -> None:
        with file_site.open() as ledger:
            ledger.claim(lambda view: "a", lambda key: f"trial {key}")
            assert running_keys(file_site.place.folder) == {"a": "trial a"}
        assert running_keys(file_site.place.folder) == {}

    def test_a_run_knows_whether_it_is_alone_before_others_join(self, file_site: Site) -> None:
        alone: list[str] = []

        def opened(name: str) -> Ledger:
            return Ledger(file_site.place, "toy", file_site.shelf, on_alone=lambda: alone.append(name))

        with opened("first"), opened("second"):
            pass
        with opened("third"):
            assert alone == ["first", "third"]

    def test_two_runs_never_have_one_key(self, site: Site) -> None:
        with site.open() as first, site.open() as second:
            keys = ["a", "b", "c", "d"]
            taken = [
                run.claim(lambda view: next((k for k in keys if k not in view.running), None))
                for run in (first, second, second, first, first)
            ]
            assert [claim and claim.key for claim in taken] == ["a", "b", "c", "d", None]

    def test_what_a_run_leaves_open_is_free_when_it_has_gone(self, site: Site) -> None:
        with site.open() as ledger:
            ledger.claim(lambda view: "a")
        with site.open() as ledger:
            assert site.drain(ledger, "a") == ["a"]

    def test_a_key_is_told_once_whoever_ran_it(self, site: Site) -> None:
        """Two claims on one key, as after a host was wrongly taken for dead: the first to tell wins."""
        with site.open() as first, site.open() as second:
            claims = first.claim(lambda view: "a"), second.claim(lambda view: "a")
            site.shelf.records["a"] = "the first's"
            assert first.complete(claims[0]) is None
            site.shelf.records["a"] = "the second's"
            assert second.complete(claims[1]) == (None if site.place.kind == "file" else "the first's")
        assert site.states() == [("a", TrialState.COMPLETE), ("a", TrialState.FAIL)]

    def test_a_claim_that_was_taken_away_is_told_all_the_same(self, site: Site) -> None:
        with site.open() as ledger:
            claim = ledger.claim(lambda view: "a")
            with site.study() as study:
                study.tell(claim.number, state=TrialState.FAIL)
            assert site.finish(ledger, claim) is None
        assert site.states() == [("a", TrialState.FAIL), ("a", TrialState.COMPLETE)]

    def test_telling_twice_tells_once(self, site: Site) -> None:
        """As when the answer of a server was lost."""
        with site.open() as ledger:
            claim = ledger.claim(lambda view: "a")
            site.finish(ledger, claim)
            assert ledger.complete(claim) is None
        assert site.states() == [("a", TrialState.COMPLETE)]

    def test_nothing_may_be_told_before_its_record(self, site: Site) -> None:
        with site.open() as ledger:
            claim = ledger.claim(lambda view: "a")
            with pytest.raises(AssertionError, match="a is told before its record is written"):
                ledger.complete(claim)

    def test_a_ledger_that_is_copied_to_another_folder_knows_no_living_run(
        self, file_site: Site, tmp_path: Path
    ) -> None:
        """By file alone: a folder that is moved to another machine must not wait for runs on the first one."""
        with file_site.open() as ledger:
            ledger.claim(lambda view: "a")
            copied = tmp_path / "copied"
            copied.mkdir()
            (copied / "ledger.db").write_bytes(file_site.place.file.read_bytes())
            with Ledger(file_place(copied), "toy", file_site.shelf) as other:
                assert other.claim(lambda view: None if "a" in view.running else "a") is not None


class TestFolders:
    """Hosts that share a server, each with a folder of its own."""

    def test_what_one_has_finished_is_carried_to_the_other(self, server_site: Site, tmp_path: Path) -> None:
        place = server_place(tmp_path / "other", server_site.url)
        with server_site.open() as ledger, server_site.open(place) as other:
            server_site.drain(ledger, "a")
            views: list[View] = []
            other.claim(views.append)
            assert dict(views[0].records) == {"a": "record of a"}

    def test_records_of_earlier_runs_are_carried_once(self, server_site: Site) -> None:
        server_site.shelf.records = {"a": "record of a", "c": "record of c"}
        for _ in range(2):
            with server_site.open() as ledger:
                ledger.carry(["a", "b"])
        assert [(trial.user_attrs["key"], trial.user_attrs["record"]) for trial in server_site.trials()] == [
            ("a", "record of a")
        ]

    def silence(self, site: Site) -> None:
        """As if the last sign of life had been given long ago."""
        with site.study() as study:
            engine = study._storage._backend.engine  # type: ignore[attr-defined]
            with engine.begin() as connection:
                connection.execute(text("UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '1 hour'"))

    def test_a_run_of_another_folder_is_alive_as_long_as_it_gives_signs(
        self, server_site: Site, tmp_path: Path
    ) -> None:
        die_amid(server_site, "a", folder=tmp_path / "elsewhere")
        with server_site.open() as ledger:
            assert server_site.drain(ledger, "a", "b") == ["b"]
        self.silence(server_site)
        with server_site.open() as ledger:
            assert server_site.drain(ledger, "a", "b") == ["a"]

    def test_after_an_outage_no_host_is_taken_for_dead_at_once(
        self, server_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        die_amid(server_site, "a", folder=tmp_path / "elsewhere")
        self.silence(server_site)
        monkeypatch.setattr(queue_module.Patience, "has_heard_for", lambda self, seconds: False)
        with server_site.open() as ledger:
            assert server_site.drain(ledger, "a", "b") == ["b"]


SHARING = """
import json, os, sys, time
from pathlib import Path
from ablate.ledger import Agreement, Ledger, file_place, server_place

folder, url, count, processes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
keys = [f"key{number:02}" for number in range(count)]

class Shelf:
    def value(self, key):
        return 0.5 if (folder / key).exists() else None
    def text(self, key):
        return "record"

place = file_place(folder) if url == "file" else server_place(folder, url)
agreement = None if url == "file" else Agreement(*json.loads(os.environ["AGREED"]))
print("ready", flush=True)
sys.stdin.readline()
shelf = Shelf()
choose = lambda view: next((k for k in keys if k not in view.running and shelf.value(k) is None), None)
with Ledger(place, "toy", shelf, agreement=agreement) as ledger:
    while (claim := ledger.claim(choose)) is not None:
        with (folder / "ran").open("a") as ran:
            ran.write(f"{claim.key} {os.getpid()}\\n")
        while len((folder / "ran").read_text().splitlines()) < processes:
            time.sleep(0.01)
        with (folder / claim.key).open("x"):
            ledger.complete(claim)
"""


def compete(site: Site, processes: int, keys: int) -> list[str]:
    """Lines `key pid` of what `processes` processes ran on the same keys; each keeps its first until all have one."""
    site.place.folder.mkdir()
    url = "file" if site.place.kind == "file" else site.url
    line = [sys.executable, "-c", SHARING, str(site.place.folder), url, str(keys), str(processes)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen(line, env=environment(site), text=True, **pipes) for _ in range(processes)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0] * processes, said
    return (site.place.folder / "ran").read_text().splitlines()


@pytest.mark.slow
def test_six_processes_share_the_keys(site: Site) -> None:
    ran = compete(site, processes=6, keys=25)
    assert sorted(line.split()[0] for line in ran) == [f"key{number:02}" for number in range(25)]
    assert len({line.split()[1] for line in ran}) == 6
    assert site.states() == [(key, TrialState.COMPLETE) for key in [line.split()[0] for line in ran]] or Counter(
        site.states()
    ) == Counter({(f"key{number:02}", TrialState.COMPLETE): 1 for number in range(25)})


class TestDamage:
    def test_a_file_that_is_no_ledger_is_replaced_and_kept(self, file_site: Site) -> None:
        told: list[tuple[str, Path]] = []
        file_site.place.folder.mkdir()
        file_site.place.file.write_text("junk" * 2000)
        with file_site.open(on_rebuilt=lambda cause, path: told.append((cause, path))) as ledger:
            assert file_site.drain(ledger, "a") == ["a"]
        aside = file_site.place.file.with_name("ledger.db.unusable-1")
        assert told == [("file is not a database", aside)]
        assert aside.read_text() == "junk" * 2000

    def test_a_ledger_of_a_newer_optuna_is_replaced(self, file_site: Site) -> None:
        with file_site.open() as ledger:
            file_site.drain(ledger, "a")
        self.age(file_site, "v99.0.0.a")
        told: list[str] = []
        with file_site.open(on_rebuilt=lambda cause, path: told.append(cause)) as ledger:
            assert file_site.drain(ledger, "a", "b") == ["b"]
        assert len(told) == 1
        assert "is no longer compatible with the table schema" in told[0]

    def age(self, site: Site, version: str) -> None:
        import sqlite3

        with sqlite3.connect(site.place.file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.close()

    def test_a_truncated_ledger_is_replaced(self, file_site: Site) -> None:
        with file_site.open() as ledger:
            file_site.drain(ledger, *[f"key{number}" for number in range(40)])
        content = file_site.place.file.read_bytes()
        file_site.place.file.write_bytes(content[: len(content) // 2])
        told: list[str] = []
        with file_site.open(on_rebuilt=lambda cause, path: told.append(cause)) as ledger:
            assert file_site.drain(ledger, "key0", "new") == ["new"]
        assert told == ["database disk image is malformed"]

    def test_it_is_not_replaced_under_another_run(self, file_site: Site) -> None:
        with file_site.open():
            file_site.place.file.write_text("junk" * 2000)
            with pytest.raises(
                LedgerError, match=r"ledger\.db: cannot be used \(file is not a database\); delete it and run the study"
            ):
                file_site.open()

    def test_a_ledger_that_is_deleted_amid_a_run_ends_it(self, file_site: Site) -> None:
        with file_site.open() as ledger:
            file_site.place.file.unlink()
            with pytest.raises(LedgerError, match=r"ledger\.db: was deleted or replaced while this ran; run the same"):
                ledger.claim(lambda view: "a")

    def test_status_says_so(self, file_site: Site) -> None:
        file_site.place.folder.mkdir()
        file_site.place.file.write_text("junk" * 2000)
        with pytest.raises(LedgerError, match=r"ledger\.db: cannot be used \(file is not a database\); delete it and"):
            running_keys(file_site.place.folder)

    def test_nothing_runs_where_there_is_no_ledger(self, tmp_path: Path) -> None:
        assert running_keys(tmp_path) == {}
        assert list(tmp_path.iterdir()) == []

    def test_trials_of_somebody_else_in_the_file_are_left_alone(self, file_site: Site) -> None:
        file_site.place.folder.mkdir()
        study = optuna.create_study(study_name="toy", storage=f"sqlite:///{file_site.place.file}")
        study.ask()
        with file_site.open() as ledger:
            assert file_site.drain(ledger, "a") == ["a"]
        assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING, TrialState.COMPLETE]
