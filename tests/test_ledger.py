"""The queue of trials: each key once, whoever asks, and nothing lost with a process that dies."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from ablate.errors import ResultsError
from ablate.ledger import WINDOW, Ledger, TrialFailed, running_keys

PATIENCE_SECONDS = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


class Work:
    """A list of keys to run; every run is noted, and ends the key unless `fails` says otherwise."""

    def __init__(self, *keys: str, fails: dict[str, int] | None = None) -> None:
        self.left = list(keys)
        self.ran: list[str] = []
        self.fails = Counter(fails or {})

    def pending(self) -> list[str]:
        return list(self.left)

    def run(self, key: str) -> float:
        self.ran.append(key)
        if self.fails[key]:
            self.fails[key] -= 1
            raise TrialFailed("no luck")
        self.left.remove(key)
        return 0.5


def drain(ledger: Ledger, work: Work) -> None:
    while ledger.run_next(work.pending, work.run) is not None:
        pass


def states(path: Path) -> list[tuple[str, TrialState]]:
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{path}")
    return [(trial.user_attrs["key"], trial.state) for trial in study.get_trials()]


def keys_in(path: Path, state: TrialState) -> list[str]:
    return [key for key, found in states(path) if found == state]


def die_amid(path: Path, *keys: str) -> None:
    """A process that claims the first of `keys` and is gone in the middle of it."""
    program = """
import os, sys
from pathlib import Path
from ablate.ledger import Ledger
Ledger(Path(sys.argv[1]), "toy").run_next(lambda: sys.argv[2:], lambda key: os._exit(9))
"""
    done = subprocess.run([sys.executable, "-c", program, str(path), *keys], check=False)
    assert done.returncode == 9


def leave_running(path: Path, key: str) -> None:
    """Leave `key` running, as a process does that is killed in the middle of it."""

    class Killed(BaseException):
        pass

    def run(_key: str) -> float:
        raise Killed

    with pytest.raises(Killed):
        Ledger(path, "toy").run_next(lambda: [key], run)
    assert keys_in(path, TrialState.RUNNING) == [key]


class TestOrder:
    def test_every_key_runs_once_in_the_order_asked_for(self, path: Path) -> None:
        keys = [f"key{number}" for number in range(WINDOW + 3)]
        work = Work(*keys)
        drain(Ledger(path, "toy"), work)
        assert work.ran == keys
        assert states(path) == [(key, TrialState.COMPLETE) for key in keys]

    def test_run_next_returns_the_key_and_none_when_nothing_is_left(self, path: Path) -> None:
        ledger, work = Ledger(path, "toy"), Work("a")
        assert ledger.run_next(work.pending, work.run) == "a"
        assert ledger.run_next(work.pending, work.run) is None

    def test_the_value_is_told(self, path: Path) -> None:
        ledger = Ledger(path, "toy")
        ledger.run_next(lambda: ["a"], lambda _key: 0.75)
        assert optuna.load_study(study_name="toy", storage=f"sqlite:///{path}").best_value == 0.75

    def test_no_more_than_a_window_waits(self, path: Path) -> None:
        waiting = []
        keys = [f"key{number}" for number in range(WINDOW + 4)]
        work = Work(*keys)

        def run(key: str) -> float:
            waiting.append(len(keys_in(path, TrialState.WAITING)))
            return work.run(key)

        ledger = Ledger(path, "toy")
        while ledger.run_next(work.pending, run) is not None:
            pass
        assert max(waiting) == WINDOW - 1  # the one that runs has left the queue
        assert waiting[-WINDOW:] == list(range(WINDOW - 1, -1, -1))

    def test_keys_come_back_while_they_are_pending(self, path: Path) -> None:
        work = Work("a", "b", fails={"a": 2})
        drain(Ledger(path, "toy"), work)
        assert Counter(work.ran) == {"a": 3, "b": 1}
        assert Counter(states(path)) == {
            ("a", TrialState.FAIL): 2,
            ("a", TrialState.COMPLETE): 1,
            ("b", TrialState.COMPLETE): 1,
        }

    def test_what_is_no_trial_s_failure_passes_through_and_frees_the_key(self, path: Path) -> None:
        ledger = Ledger(path, "toy")
        with pytest.raises(ZeroDivisionError):
            ledger.run_next(lambda: ["a"], lambda _key: 1 / 0)
        assert states(path) == [("a", TrialState.FAIL)]
        work = Work("a")
        drain(ledger, work)
        assert work.ran == ["a"]


class TestOtherSelections:
    @pytest.mark.parametrize("stale", [1, WINDOW + 1])
    def test_keys_left_waiting_by_a_run_that_wanted_more_are_skipped(self, path: Path, stale: int) -> None:
        ledger = Ledger(path, "toy")
        earlier = optuna.load_study(study_name="toy", storage=f"sqlite:///{path}")
        for number in range(stale):
            earlier.enqueue_trial({}, user_attrs={"key": f"old{number}"})
        work = Work("new0", "new1")
        drain(ledger, work)
        assert work.ran == ["new0", "new1"]

    def test_a_skipped_key_can_be_asked_for_again(self, path: Path) -> None:
        ledger = Ledger(path, "toy")
        both, second = Work("a", "b", "c"), Work("c")
        ledger.run_next(both.pending, both.run)
        drain(ledger, second)
        drain(ledger, both)
        assert both.ran[:2] == ["a", "b"]

    def test_a_key_that_ends_between_two_looks_is_not_queued_once_more(self, path: Path) -> None:
        """What another thread does: it ends a trial, and tells the ledger, while this one has asked what is pending."""
        leave_running(path, "a")
        other_thread = optuna.load_study(study_name="toy", storage=f"sqlite:///{path}")
        work = Work("a", "b")

        def pending() -> list[str]:
            seen = work.pending()
            if "a" in work.left:
                work.left.remove("a")
                other_thread.tell(0, 0.5)
            return seen

        ledger = Ledger(path, "toy")
        while ledger.run_next(pending, work.run) is not None:
            pass
        assert work.ran == ["b"]
        assert states(path) == [("a", TrialState.COMPLETE), ("b", TrialState.COMPLETE)]


class TestClaims:
    def test_a_dead_process_s_claim_is_freed(self, path: Path) -> None:
        die_amid(path, "a", "b")
        assert keys_in(path, TrialState.RUNNING) == ["a"]
        ledger = Ledger(path, "toy")
        assert ledger.release_dead() == {"a": 1}
        work = Work("a", "b")
        drain(ledger, work)
        assert sorted(work.ran) == ["a", "b"]

    def test_a_key_that_failed_twice_is_counted_twice(self, path: Path) -> None:
        for expected in (1, 2):
            die_amid(path, "a")
            assert Ledger(path, "toy").release_dead() == {"a": expected}

    def test_a_living_process_s_claim_is_kept(self, path: Path) -> None:
        ledger, work = Ledger(path, "toy"), Work("b")

        def run(_key: str) -> float:
            assert Ledger(path, "toy").release_dead() == {}
            assert running_keys(path) == ["a"]
            drain(Ledger(path, "toy"), Work())
            assert Ledger(path, "toy").run_next(lambda: ["a"], work.run) is None
            drain(Ledger(path, "toy"), work)
            return 1.0

        assert ledger.run_next(lambda: ["a", "b"], run) == "a"
        assert work.ran == ["b"]
        assert running_keys(path) == []

    def test_a_number_that_another_process_has_now_is_no_claim(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim = {"host": "here", "pid": os.getpid(), "started": psutil.Process().create_time() - 1}
        monkeypatch.setattr("ablate.ledger._this_process", lambda: claim)
        monkeypatch.setattr("ablate.ledger.socket.gethostname", lambda: "here")
        leave_running(path, "a")
        assert running_keys(path) == []
        assert Ledger(path, "toy").release_dead() == {"a": 1}

    def test_a_claim_of_another_host_is_left_alone(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        claim = {"host": "elsewhere", "pid": 2**22 + 1, "started": 0.0}
        monkeypatch.setattr("ablate.ledger._this_process", lambda: claim)
        leave_running(path, "a")
        assert running_keys(path) == ["a"]
        assert Ledger(path, "toy").release_dead() == {}

    def test_there_is_nothing_running_without_a_ledger(self, path: Path) -> None:
        assert running_keys(path) == []
        assert not path.exists()


SHARING = """
import os, sys
from pathlib import Path
from ablate.ledger import Ledger

folder = Path(sys.argv[1])
keys = [f"key{number:02}" for number in range(int(sys.argv[2]))]

def pending():
    return [key for key in keys if not (folder / key).exists()]

def run(key):
    if (folder / key).exists():  # as a supervisor looks for the record first
        return 0.5
    with (folder / "ran").open("a") as ran:
        ran.write(f"{key} {os.getpid()}\\n")
    with (folder / key).open("x"):
        return 0.5

print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger(folder / "ledger.db", "toy")
ledger.release_dead()
while ledger.run_next(pending, run) is not None:
    pass
"""


def compete(folder: Path, processes: int, keys: int) -> list[str]:
    """Lines `key pid` of what `processes` processes ran that began together on the same keys."""
    command = [sys.executable, "-c", SHARING, str(folder), str(keys)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in started]
    assert [process.returncode for process in started] == [0] * processes, said
    return (folder / "ran").read_text().splitlines()


def check_shared(folder: Path, ran: list[str], keys: int) -> None:
    assert sorted(line.split()[0] for line in ran) == [f"key{number:02}" for number in range(keys)]
    assert len({line.split()[1] for line in ran}) > 1, "one process did everything"
    assert set(dict(states(folder / "ledger.db")).values()) == {TrialState.COMPLETE}


@pytest.mark.slow
def test_six_processes_share_the_keys(tmp_path: Path) -> None:
    check_shared(tmp_path, compete(tmp_path, processes=6, keys=25), keys=25)


def test_claims_are_json(path: Path) -> None:
    claims: list[str] = []

    def run(_key: str) -> float:
        claims.append(claim_of(path))
        return 1.0

    Ledger(path, "toy").run_next(lambda: ["a"], run)
    claim = json.loads(claims[0])
    assert claim["pid"] == os.getpid()
    assert claim["started"] == psutil.Process().create_time()


def claim_of(path: Path) -> str:
    study = optuna.load_study(study_name="toy", storage=f"sqlite:///{path}")
    (trial,) = study.get_trials(states=(TrialState.RUNNING,))
    return json.dumps(trial.user_attrs["claim"])


def test_a_damaged_ledger_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("junk" * 2000)
    with pytest.raises(ResultsError, match=r"ledger\.db: is no ledger that can be read; delete it, finished trials"):
        running_keys(path)
    with pytest.raises(ResultsError, match=r"ledger\.db: is no ledger that can be read; delete it, finished trials"):
        Ledger(path, "toy")
