"""One study on several hosts: each with a results folder of its own, all with one ledger on a PostgreSQL server."""

import os
import shutil
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
from killing import Launcher, check_tables, keys_of, records
from postgres import new_database

from ablate.errors import LedgerError
from ablate.records import finished_keys
from ablate.study import run as running
from ablate.study.running import training
from ablate.study.running.events import LedgerWait, TrialArrived, TrialStarted
from ablate.study.running.options import Options

RESTART = "ABLATE_POSTGRES_RESTART"


@pytest.fixture
def url() -> str:
    return new_database()


def told(url: str) -> Counter[str]:
    """Key -> how often the ledger has it as complete."""
    storage = optuna.storages.RDBStorage(url.replace("postgresql://", "postgresql+psycopg://"))
    trials = [
        trial
        for name in optuna.get_all_study_names(storage)
        for trial in optuna.load_study(study_name=name, storage=storage).get_trials()
    ]
    storage.engine.dispose()
    return Counter(trial.user_attrs["key"] for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE)


def tuned(outcome: Any) -> dict[str, float]:
    """Variant -> the learning rate that it has chosen."""
    return {each["variant"]: each["tuned"]["values"]["train.lr"] for each in outcome.results.plan["variants"]}


class TestHosts:
    """Folders `a` and `b` stand for two hosts."""

    def run(self, engine: Any, name: str, url: str, *overrides: str, **options: Any) -> Any:
        settings = {"results": engine.folder / name, "device": "cpu", "workers": 1, "ledger": url, **options}
        return running.run(
            engine.folder / "toy.yaml",
            overrides=overrides,
            options=Options(**settings),
            observer=engine.tell or engine.events.append,
        )

    def test_both_end_with_the_whole_study(self, engine: Any, url: str) -> None:
        with ThreadPoolExecutor(2) as hosts:
            a, b = hosts.map(lambda name: self.run(engine, name, url, "seeds=4"), ["a", "b"])
        assert (a.missing, b.missing) == (0, 0)
        assert sorted(engine.calls()) == sorted(told(url)) == sorted(finished_keys(a.results.folder))
        assert set(told(url).values()) == {1}
        assert records(a.results.folder) == records(b.results.folder)
        check_tables(a.results.folder, b.results.folder)

    def test_one_that_comes_later_copies_what_there_is(self, engine: Any, url: str) -> None:
        self.run(engine, "a", url)
        trained = engine.calls()
        engine.events.clear()
        assert self.run(engine, "b", url).missing == 0
        assert engine.calls() == trained
        assert Counter(type(event) for event in engine.events)[TrialArrived] == 4

    def test_a_study_that_was_begun_alone_can_be_shared(self, engine: Any, url: str) -> None:
        self.run(engine, "a", url, ledger=None)
        trained = engine.calls()
        assert self.run(engine, "a", url).work == "none"
        assert self.run(engine, "b", url).missing == 0
        assert engine.calls() == trained

    def test_a_further_seed_on_one_host_reaches_the_other(self, engine: Any, url: str) -> None:
        self.run(engine, "a", url)
        self.run(engine, "b", url, "seeds=3")
        assert self.run(engine, "a", url, "seeds=3").missing == 0
        assert len(engine.calls()) == 6

    def test_what_each_tunes_the_other_has(self, engine: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tune(engine, monkeypatch)
        with ThreadPoolExecutor(2) as hosts:
            a, b = hosts.map(lambda name: self.run(engine, name, url), ["a", "b"])
        assert (a.missing, b.missing) == (0, 0)
        assert tuned(a) == tuned(b)
        assert set(told(url).values()) == {1}
        assert len(told(url)) == 2 * 6 + 2 * 2

    def test_what_one_has_tuned_alone_the_other_takes_over(
        self, engine: Any, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.tune(engine, monkeypatch)
        a = self.run(engine, "a", url, ledger=None)
        self.run(engine, "a", url)
        b = self.run(engine, "b", url)
        assert (b.missing, tuned(a)) == (0, tuned(b))
        assert not (b.results.folder / "scored").exists()

    def tune(self, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have toy.yaml tune, and its trials have known optima."""
        path = engine.folder / "toy.yaml"
        tune = "tune: {fields: {train.lr: {low: 0.001, high: 3.0, log: true}}, trials: 6}"
        path.write_text(f"{path.read_text()}\n{tune}\n")
        monkeypatch.setattr(training, "TRIAL", "engine_functions:hill")

    def test_another_study_of_the_same_name_is_refused_with_the_difference(self, engine: Any, url: str) -> None:
        self.run(engine, "a", url)
        with pytest.raises(LedgerError, match=r"another study called 'toy': train\.lr was 0\.1 and is 0\.5; give"):
            self.run(engine, "b", url, "train.lr=0.5")
        assert len(engine.calls()) == 4

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("ablate.study.running.settling._minor", "2.99", r"torch\.version was '2\.\d+' and is '2\.99' here"),
            ("ablate.study.planning.planner._precision", "bf16", r"train\.precision was 'fp32' and is 'bf16' here"),
        ],
    )
    def test_a_host_that_would_train_otherwise_is_refused(
        self, engine: Any, url: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
    ) -> None:
        monkeypatch.setattr("ablate.study.planning.planner._precision", lambda device: "fp32")
        self.run(engine, "a", url, "train.precision=auto")
        monkeypatch.setattr(name, lambda asked: value)
        with pytest.raises(LedgerError, match=rf"this host cannot join the study: on those that began it {said}; make"):
            self.run(engine, "b", url, "train.precision=auto")

    def test_a_host_with_other_data_is_refused(self, pictures_study: Path, engine: Any, url: str) -> None:
        def run(name: str) -> Any:
            settings = Options(results=engine.folder / name, device="cpu", workers=1, ledger=url)
            return running.run(pictures_study, options=settings)

        assert run("a").missing == 0
        (pictures_study.parent / "pictures" / "train" / "dark" / "0.png").write_bytes(
            (pictures_study.parent / "pictures" / "train" / "light" / "0.png").read_bytes()
        )
        with pytest.raises(LedgerError, match=r"cannot join .* data_digest\.image_folder was '\w+' and is '\w+'"):
            run("b")

    def test_the_password_is_nowhere(self, engine: Any, url: str, capfd: pytest.CaptureFixture[str]) -> None:
        engine.script(fails={"0": 1})
        self.run(engine, "a", url)
        with pytest.raises(LedgerError) as raised:
            self.run(engine, "a", url.replace("sesame", "sesam-open"), "seeds=3")
        assert "sesam" not in str(raised.value)
        assert "password authentication failed" in str(raised.value)
        with pytest.raises(LedgerError) as raised:
            self.run(engine, "b", url, "train.lr=0.5")
        assert "sesame" not in str(raised.value)
        for path in engine.folder.rglob("*"):
            assert not path.is_file() or b"sesame" not in path.read_bytes(), path
        assert "sesame" not in "".join(capfd.readouterr())

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("nonsense", r"--ledger: is no URL; name a database as postgresql://USER@HOST/NAME"),
            ("mysql://u:secret@h/d", r"--ledger mysql://u:\*\*\*@h/d: only PostgreSQL is shared safely; name one as"),
            ("sqlite:///x.db", "only PostgreSQL is shared safely"),
            ("postgresql://127.0.0.1", "only PostgreSQL is shared safely; name one as postgresql://USER@HOST/NAME"),
        ],
    )
    def test_what_is_no_server_is_refused(self, engine: Any, asked: str, said: str) -> None:
        with pytest.raises(LedgerError, match=said) as raised:
            self.run(engine, "a", asked)
        assert "secret" not in str(raised.value)

    def test_a_server_that_is_not_there_is_named(self, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ablate.ledger.storage.FIRST_PATIENCE_SECONDS", 0.0)
        with pytest.raises(LedgerError, match=r"//ablate:\*\*\*@127\.0\.0\.1:1/x: does not answer \(.*refused"):
            self.run(engine, "a", "postgresql://ablate:secret@127.0.0.1:1/x")


@pytest.mark.slow
def test_six_hosts_run_every_trial_once(planned: Path, launcher: Launcher) -> None:
    for number in range(int(os.environ.get("ABLATE_SHARES", "1"))):
        url = new_database()
        folders = [shutil.copytree(planned, planned.with_name(f"{number}-host-{host}")) for host in range(6)]
        runs = [launcher.start(folder, ledger=url, workers=1) for folder in folders]
        assert [launcher.wait(pid) for pid in runs] == [0] * 6
        ran = [key for folder in folders if (folder / "ran").exists() for key in (folder / "ran").read_text().split()]
        assert sorted(ran) == sorted(keys_of(planned))
        assert told(url) == dict.fromkeys(keys_of(planned), 1)
        assert all(records(folder) == records(folders[0]) for folder in folders)
        assert len(records(folders[0])) == 12


@pytest.mark.slow
@pytest.mark.skipif(RESTART not in os.environ, reason=f"{RESTART} names no command that restarts the server")
def test_a_server_that_is_restarted_is_waited_for(engine: Any, url: str) -> None:
    hosts, restarted = TestHosts(), []

    def restart(event: Any) -> None:
        if isinstance(event, TrialStarted) and len(restarted) < 3:
            restarted.append(event)
            subprocess.run(os.environ[RESTART], shell=True, check=True)

    outcome = hosts.run(engine.observe(restart), "a", url, "seeds=4")
    assert (outcome.missing, outcome.failed) == (0, 0)
    assert Counter(engine.calls()) == dict.fromkeys(engine.calls(), 1) == told(url)
    assert len(engine.calls()) == 8
    assert len(restarted) == 3
    assert all(
        "server" in event.cause or "connection" in event.cause
        for event in engine.events
        if isinstance(event, LedgerWait)
    )
