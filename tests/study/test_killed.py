"""SIGKILL at a random moment to a random process, and at chosen points: nothing is lost, nothing is told twice."""

import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from killing import TIMES, TRIALS, Launcher, check_same, check_tables, keys_of, kill, records, told

from ablate.study import run as running
from ablate.study.running import training
from ablate.study.running.options import Options

ROUNDS = int(os.environ.get("ABLATE_KILLS", "16"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_killed_at_a_random_moment_the_next_run_makes_the_same_tables(
    planned: Path, undisturbed: Path, launcher: Launcher, part: int
) -> None:
    chance = random.Random(part)
    started = time.monotonic()
    assert launcher.run(shutil.copytree(planned, planned.with_name("timed"))) == 0
    seconds = time.monotonic() - started
    for number in range(math.ceil(ROUNDS / 4)):
        folder = shutil.copytree(planned, planned.with_name(f"round-{number}"))
        target = chance.choice(["worker", "parent", "all"])
        pid = launcher.start(folder)
        time.sleep(chance.uniform(0, seconds))
        kill(pid, target, chance)
        assert launcher.wait(pid) in (0, -signal.SIGKILL)
        assert launcher.run(folder) == 0
        check_same(folder, undisturbed)
        if number % 10 == 0:
            check_tables(folder, undisturbed)
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("crash", ["fsync", "rename", "claim", "tell"])
def test_killed_at_a_chosen_point_the_next_run_makes_the_same_tables(
    planned: Path, undisturbed: Path, launcher: Launcher, crash: str
) -> None:
    for at in (1, 2, 3, 7, 12):
        folder = shutil.copytree(planned, planned.with_name(f"at-{at}"))
        assert launcher.run(folder, crash=crash, at=at) == -signal.SIGKILL
        assert len(records(folder)) < TRIALS or crash == "tell"
        before = (folder / "ran").read_text().split() if (folder / "ran").exists() else []
        finished = set(records(folder))
        assert launcher.run(folder) == 0
        check_same(folder, undisturbed)
        again = (folder / "ran").read_text().split()[len(before) :]
        assert not finished & set(again), "a finished trial was run again"
        check_tables(folder, undisturbed)


@pytest.mark.slow
def test_six_runs_of_one_folder_run_every_trial_once(planned: Path, undisturbed: Path, launcher: Launcher) -> None:
    for number in range(int(os.environ.get("ABLATE_SHARES", "2"))):
        folder = shutil.copytree(planned, planned.with_name(f"shared-{number}"))
        runs = [launcher.start(folder, workers=1) for _ in range(6)]
        assert [launcher.wait(pid) for pid in runs] == [0] * 6
        assert sorted((folder / "ran").read_text().split()) == sorted(keys_of(folder))
        check_same(folder, undisturbed)


STEPS = 4 * 3 * 4  # of four trainings, three epochs each

REAL = """
from pathlib import Path
from ablate.study.running import training
from ablate.study.running.options import Options
from ablate.study.run import run

training.TRIAL = "engine_functions:real_trial"
options = Options(results=Path("killed"), device="cpu", workers=1)
run("pictures.yaml", overrides=("train.epochs=3", "measure=[accuracy]"), options=options,
    observer=lambda event: print(type(event).__name__, flush=True))
"""


@pytest.mark.slow
def test_real_training_killed_at_a_random_moment_ends_with_the_same_bits(
    engine_path: Path, pictures_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when so many steps have been told of, amid a training that leaves a checkpoint at each."""
    monkeypatch.setattr(training, "TRIAL", "engine_functions:real_trial")

    def run_into(name: str) -> Path:
        options = Options(results=engine_path / name, device="cpu", workers=1)
        outcome = running.run(pictures_study, overrides=("train.epochs=3", "measure=[accuracy]"), options=options)
        assert (outcome.missing, outcome.failed) == (0, 0)
        return outcome.results.folder

    whole = run_into("whole")
    for number in range(int(os.environ.get("ABLATE_REAL_KILLS", "1"))):
        chance = random.Random(number)
        planned = engine_path / "killed" / "pictures"
        planned.mkdir(parents=True)
        shutil.copy(whole / "plan.json", planned)
        command = [sys.executable, "-c", REAL]
        with subprocess.Popen(command, cwd=engine_path, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            steps = chance.randint(1, STEPS)
            while steps and (line := process.stdout.readline()):
                steps -= line == "StepDone\n"
            kill(process.pid, chance.choice(["worker", "parent", "all"]), chance)
            process.stdout.read()
        killed = run_into("killed")
        check_tables(killed, whole)
        one, other = records(killed), records(whole)
        assert {key: scored(record) for key, record in one.items()} == {
            key: scored(record) for key, record in other.items()
        }
        assert Counter(told(killed)) == dict.fromkeys(keys_of(killed), 1)
        shutil.rmtree(engine_path / "killed")


def scored(record: dict[str, Any]) -> dict[str, Any]:
    """A record without its times."""
    metrics = {name: value for name, value in record["metrics"].items() if name not in TIMES}
    return {**record, "metrics": metrics}
