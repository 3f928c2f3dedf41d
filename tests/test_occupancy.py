"""Who may use a device: trainings beside each other, a cost phase alone, and whoever waits comes to its turn."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ablate import occupancy
from ablate.occupancy import alone, among_others, once


class GivenUp(Exception):
    pass


def give_up() -> None:
    raise GivenUp


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occupancy.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(occupancy, "POLL_SECONDS", 0.001)


def test_trainings_run_beside_each_other() -> None:
    with among_others("cpu", give_up), among_others("cpu", give_up):
        pass


@pytest.mark.parametrize(("first", "second"), [(alone, alone), (alone, among_others), (among_others, alone)])
def test_who_measures_is_alone(first: type[AbstractContextManager[None]], second: type) -> None:
    with first("cpu", give_up):
        with pytest.raises(GivenUp), second("cpu", give_up):
            pass
        with second("cuda:0", give_up):  # another device is nobody's business
            pass
    with second("cpu", give_up):
        pass


def test_trials_that_come_later_wait_for_whoever_waits_to_measure() -> None:
    waiting, measured = threading.Event(), threading.Event()

    def measure() -> None:
        with alone("cpu", waiting.set):
            measured.set()

    with among_others("cpu", give_up):
        thread = threading.Thread(target=measure)
        thread.start()
        assert waiting.wait(10)
        with pytest.raises(GivenUp), among_others("cpu", give_up):
            pass
        assert not measured.is_set()
    thread.join(10)
    assert measured.is_set()
    with among_others("cpu", give_up):
        pass


HOLD = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from ablate.occupancy import alone
with alone("cpu", lambda: sys.exit("it is not free")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_process_that_dies_lets_go(holder: subprocess.Popen[str]) -> None:
    with pytest.raises(GivenUp), among_others("cpu", give_up):
        pass
    holder.kill()
    holder.wait()
    with alone("cpu", give_up):
        pass


def test_who_waits_is_told_once() -> None:
    told: list[int] = []
    tell = once(lambda: told.append(1))
    for _ in range(3):
        tell()
    assert told == [1]
