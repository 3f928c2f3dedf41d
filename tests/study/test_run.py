"""A study from its file to its tables: what runs, what does not run again, and what an interrupt or a kill leaves."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import psutil
import pytest

from ablate.errors import ResultsError, StudyError, UnknownName
from ablate.records import read_json
from ablate.study import run as running
from ablate.study.running.cost_rounds import WANTED_ROUNDS
from ablate.study.running.events import CostsFailed, CostsRound, StudyStarted, TrialStarted
from ablate.study.running.options import Options
from ablate.study.status import status_of

PATIENCE_SECONDS = 60
TABLES = ("trials", "variants", "contrasts", "claims", "curves")


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(folder / f"{name}.csv", keep_default_na=False) for name in TABLES}


def seeds_first(engine: Any) -> list[tuple[str, int]]:
    names = {key: trial for trial, key in engine.keys().items()}
    return [names[key] for key in engine.calls()]


class TestFirstRun:
    def test_every_trial_runs_once_seed_by_seed_the_largest_network_first(self, engine: Any) -> None:
        outcome = engine.run()
        assert seeds_first(engine) == [("strided", 0), ("maxpool", 0), ("strided", 1), ("maxpool", 1)]
        macs = {variant["variant"]: variant["macs"] for variant in engine.plan()["variants"]}
        assert macs["strided"] > macs["maxpool"]
        assert (outcome.missing, outcome.failed, outcome.work) == (0, 0, "some")

    def test_the_folder_holds_what_the_contract_names(self, engine: Any) -> None:
        engine.run()
        names = {path.name for path in engine.results.iterdir()}
        assert names >= {f"{table}.csv" for table in TABLES}
        assert names >= {"plan.json", "execution.json", "environment.json", "records", "logs", "ledger.db", "report.md"}
        assert {path.stem for path in (engine.results / "records").iterdir()} == set(engine.keys().values())
        logs = {path.stem for path in (engine.results / "logs").iterdir()}
        assert logs == {"costs", *engine.keys().values()}

    def test_the_tables_have_the_columns_of_the_contract(self, engine: Any) -> None:
        engine.run()
        made = tables(engine.results)
        assert list(made["trials"]) == [
            *("variant", "downsample", "seed", "key", "state", "accuracy", "test_loss", "train_seconds"),
            *("train_images_per_second", "attempts", "error", "environment"),
        ]
        assert list(made["variants"])[:9] == [
            *("variant", "downsample", "n", "accuracy_mean", "accuracy_sd", "accuracy_ci_low", "accuracy_ci_high"),
            *("params", "macs"),
        ]
        assert list(made["contrasts"]) == [
            *("variant", "baseline", "metric", "n", "difference", "ci_low", "ci_high", "images_ci_low"),
            *("images_ci_high", "p_value", "p_sign_flip", "p_adjusted", "effect_size", "probability_of_improvement"),
            *("verdict", "badges"),
        ]
        claims = ["id", "source", "metric", "published", "measured", "ci_low", "ci_high", "verdict"]
        assert list(made["claims"])[:8] == claims

    def test_numbers_reach_the_tables_unchanged(self, engine: Any) -> None:
        engine.run()
        trials = tables(engine.results)["trials"].set_index("key")
        for key, row in trials.iterrows():
            record = read_json(engine.results / "records" / f"{key}.json")
            assert row["accuracy"] == record["metrics"]["accuracy"]
            assert row["environment"] == record["environment"]
        assert set(trials["environment"]) == set(read_json(engine.results / "environment.json"))

    def test_how_it_runs_is_settled_once_a_machine(self, engine: Any) -> None:
        engine.run(workers=2)
        (settled,) = read_json(engine.results / "execution.json").values()
        assert settled["workers"] == 2
        engine.run("seeds=3", workers=None)
        started = [event for event in engine.events if isinstance(event, StudyStarted)]
        assert [event.workers for event in started] == [2, 2]
        assert {event.threads for event in started} == {settled["threads"]}

    def test_the_observer_knows_what_is_done_before(self, engine: Any) -> None:
        engine.run()
        engine.run("seeds=3")
        started = [event for event in engine.events if isinstance(event, StudyStarted)][-1]
        assert (started.variants, started.seeds) == (("strided", "maxpool"), (0, 1, 2))
        assert started.done == {("strided", 0), ("strided", 1), ("maxpool", 0), ("maxpool", 1)}


class TestNextRun:
    def test_nothing_runs_again_and_nothing_is_written_anew(self, engine: Any) -> None:
        engine.run()
        before = {path: path.read_bytes() for path in engine.results.rglob("*.json")}
        engine.events.clear()
        outcome = engine.run()
        assert (outcome.work, outcome.missing, len(engine.calls())) == ("none", 0, 4)
        assert engine.events == []
        assert {path: path.read_bytes() for path in engine.results.rglob("*.json")} == before

    @pytest.mark.parametrize(
        ("overrides", "new"),
        [
            (["seeds=3"], {("strided", 2), ("maxpool", 2)}),
            (["seeds=[0, 1, 7]"], {("strided", 7), ("maxpool", 7)}),
            (["factors.model.downsample=[strided, maxpool, avgpool]"], {("avgpool", 0), ("avgpool", 1)}),
        ],
    )
    def test_a_new_level_or_seed_runs_only_what_is_new(
        self, engine: Any, overrides: list[str], new: set[tuple[str, int]]
    ) -> None:
        engine.run()
        before = engine.calls()
        outcome = engine.run(*overrides)
        names = {key: trial for trial, key in engine.keys().items()}
        assert {names[key] for key in engine.calls()[len(before) :]} == new
        assert len(engine.calls()) == 4 + len(new)
        assert len(outcome.results.trials) == 4 + len(new)

    def test_a_changed_study_stops_before_it_touches_anything(self, engine: Any) -> None:
        engine.run()
        before = (engine.results / "plan.json").read_bytes()
        with pytest.raises(
            ResultsError, match=r"another study called 'toy': train\.lr was 0\.1 and is 0\.5; give this"
        ):
            engine.run("train.lr=0.5")
        assert (engine.results / "plan.json").read_bytes() == before
        assert len(engine.calls()) == 4

    def test_two_variants_that_are_one_network_share_their_trials(self, engine: Any) -> None:
        factor = "factors={f: {a: {model.width: 0.125}, b: {model.dropout: 0.0}, c: {model.width: 0.25}}}"
        outcome = engine.run(factor, "baseline={f: a}")
        assert len(engine.calls()) == 4
        trials = outcome.results.trials
        assert len(trials) == 6
        assert trials[trials["variant"] == "a"]["key"].tolist() == trials[trials["variant"] == "b"]["key"].tolist()
        assert outcome.missing == 0


class TestSeedOffset:
    """The baseline against itself under seeds that are one larger: three trainings, two pairs."""

    FACTOR = ("factors={train.seed_offset: [0, 1]}", "baseline={train.seed_offset: 0}")

    def test_trainings_are_shared_and_rows_pair_by_the_seed_as_planned(self, engine: Any) -> None:
        outcome = engine.run(*self.FACTOR)
        keys = engine.keys()
        assert keys["0", 1] == keys["1", 0]
        assert len(engine.calls()) == len(set(engine.calls())) == 3
        trials = outcome.results.trials
        assert trials[["variant", "seed", "key"]].values.tolist() == [
            [variant, seed, keys[variant, seed]] for variant in ("0", "1") for seed in (0, 1)
        ]
        accuracy = trials.set_index(["variant", "seed"])["accuracy"]
        assert accuracy["0", 1] == accuracy["1", 0]
        row = tables(engine.results)["contrasts"].iloc[0]
        expected = (accuracy["1", 0] + accuracy["1", 1] - accuracy["0", 0] - accuracy["0", 1]) / 2
        assert (int(row["n"]), float(row["difference"])) == (2, pytest.approx(expected))

    def test_a_record_holds_the_seed_that_was_trained_with(self, engine: Any) -> None:
        engine.run(*self.FACTOR)
        trained = {key: read_json(engine.results / "records" / f"{key}.json")["seed"] for key in engine.calls()}
        keys = engine.keys()
        assert trained == {keys["0", 0]: 0, keys["1", 0]: 1, keys["1", 1]: 2}
        assert seeds_first(engine)[0] == ("0", 0)

    def test_the_table_of_progress_knows_what_is_shared(self, engine: Any) -> None:
        engine.run(*self.FACTOR)
        (started,) = [event for event in engine.events if isinstance(event, StudyStarted)]
        assert (started.variants, started.seeds, started.shared) == (("0", "1"), (0, 1), {("0", 1)})
        trained = [(event.variant, event.seed) for event in engine.events if isinstance(event, TrialStarted)]
        assert trained == [("0", 0), ("1", 0), ("1", 1)]

    def test_without_an_offset_the_trials_of_an_earlier_run_are_used(self, engine: Any) -> None:
        engine.run("factors={}", "baseline={}", "model.downsample=strided", "seeds=3")
        before = engine.calls()
        results = engine.results.rename(engine.results.with_name("moved"))
        engine.results.mkdir()
        (results / "records").rename(engine.results / "records")
        assert engine.run(*self.FACTOR, "model.downsample=strided").missing == 0
        assert engine.calls() == before

    def test_status_names_every_row_of_a_training(self, engine: Any) -> None:
        engine.script(fails={"1": 9})
        engine.run(*self.FACTOR)
        assert [failure.what for failure in status_of(engine.results).failures] == ["0 seed 1 = 1 seed 0"]


class TestSelection:
    def test_only_runs_the_named_variants(self, engine: Any) -> None:
        outcome = engine.run(only=("maxpool",))
        assert seeds_first(engine) == [("maxpool", 0), ("maxpool", 1)]
        assert outcome.missing == 2
        assert engine.run().missing == 0
        assert len(engine.calls()) == 4

    def test_only_knows_its_variants(self, engine: Any) -> None:
        with pytest.raises(UnknownName, match=r"unknown variant 'maxpol'; did you mean 'maxpool'\?"):
            engine.run(only=("maxpol",))
        assert engine.calls() == []

    def test_no_trial_begins_after_max_hours(self, engine: Any) -> None:
        assert engine.run(max_hours=0.0).missing == 4
        assert engine.calls() == []
        assert (engine.results / "report.md").exists()
        assert engine.run().missing == 0


class TestFailures:
    def test_retries_then_a_file_then_a_row_and_the_next_run_tries_afresh(self, engine: Any) -> None:
        engine.script(fails={"1": 3})
        outcome = engine.run()
        keys = engine.keys()
        assert Counter(engine.calls()) == {
            keys["strided", 0]: 1,
            keys["maxpool", 0]: 1,
            keys["strided", 1]: 2,
            keys["maxpool", 1]: 2,
        }
        assert (outcome.failed, outcome.missing) == (2, 0)
        trials = outcome.results.trials.set_index(["variant", "seed"])
        failed = trials.loc[("strided", 1)]
        assert (failed["state"], failed["attempts"]) == ("failed", 2)
        assert failed["error"] == "RuntimeError: no luck with seed 1"
        assert {path.stem for path in (engine.results / "failures").iterdir()} == {
            keys["strided", 1],
            keys["maxpool", 1],
        }
        assert "no luck" in (engine.results / "logs" / f"{keys['strided', 1]}.log").read_text()
        again = engine.run()
        assert (again.failed, again.missing) == (0, 0)
        assert again.results.trials["attempts"].tolist() == [1, 4, 1, 4]
        assert not list((engine.results / "failures").iterdir())

    def test_a_diverged_trial_is_an_outcome(self, engine: Any) -> None:
        engine.script(diverges=[1])
        outcome = engine.run()
        assert outcome.results.trials["state"].tolist() == ["complete", "diverged"] * 2
        assert (outcome.failed, outcome.missing, len(engine.calls())) == (0, 0, 4)
        assert engine.run().work == "none"

    def test_data_that_cannot_be_had_stop_the_run_before_it_begins(self, engine: Any, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match=r"toy\.yaml: variant strided: nowhere has no folder train"):
            engine.run("data={name: image_folder, image_size: 8, root: nowhere}")
        assert not (tmp_path / "results").exists()


class TestCosts:
    MEASURE = "measure=[accuracy, latency]"

    def noted(self, engine: Any) -> list[str]:
        path = engine.folder / "costs"
        return path.read_text().splitlines() if path.exists() else []

    def test_a_set_is_measured_once_and_reaches_the_table(self, engine: Any) -> None:
        engine.run(self.MEASURE)
        engine.run(self.MEASURE)
        assert self.noted(engine) == ["2 latency"]
        variants = tables(engine.results)["variants"]
        assert variants["latency_ms_p50"].tolist() == [1.0, 2.0]
        (stored,) = read_json(engine.results / "costs.json")["sets"]
        assert stored["environment"] in read_json(engine.results / "environment.json")
        assert CostsRound(1, 2 * 8.0) in engine.events

    def test_costs_come_before_the_first_trial(self, engine: Any) -> None:
        engine.run(self.MEASURE)
        kinds = [type(event) for event in engine.events]
        assert kinds.index(CostsRound) < kinds.index(TrialStarted)

    @pytest.mark.parametrize(
        ("override", "sets"),
        [
            ("measure=[accuracy, latency, throughput]", ["2 latency", "2 throughput"]),
            ("factors.model.downsample=[strided, maxpool, avgpool]", ["2 latency", "3 latency"]),
            ("cost.batch_sizes=[1, 8]", ["2 latency", "2 latency"]),
            ("seeds=3", ["2 latency"]),
        ],
    )
    def test_a_new_metric_is_measured_alone_and_a_new_variant_or_batch_measures_the_whole_set_again(
        self, engine: Any, override: str, sets: list[str]
    ) -> None:
        engine.run(self.MEASURE)
        trained = len(engine.calls())
        engine.run(self.MEASURE, override)
        assert self.noted(engine) == sets
        if override.startswith(("measure", "cost")):
            assert len(engine.calls()) == trained

    def test_on_another_machine_a_new_metric_measures_all_of_them(
        self, engine: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine.run(self.MEASURE)
        monkeypatch.setattr("ablate.environment._cpu_model", lambda: "Z80")
        engine.run("measure=[accuracy, latency, throughput]")
        assert self.noted(engine) == ["2 latency", "2 latency throughput"]

    def test_a_variant_over_which_the_process_dies_is_a_row_without_that_cost(self, engine: Any) -> None:
        engine.script(costs_dies="maxpool")
        outcome = engine.run(self.MEASURE)
        assert outcome.missing == 0
        variants = tables(engine.results)["variants"]
        assert variants["latency_ms_p50"].astype(str).tolist() == ["1.0", ""]
        (stored,) = read_json(engine.results / "costs.json")["sets"]
        assert stored["variants"]["maxpool"]["problems"] == {
            "latency": "latency_ms_p50: the worker was killed by signal 9 (SIGKILL; the machine may be out of memory)"
        }
        assert stored["observed"]["rounds"] == WANTED_ROUNDS

    def test_a_failure_is_told_and_stops_no_trial(self, engine: Any) -> None:
        engine.script(fails={"costs": 1})
        outcome = engine.run(self.MEASURE)
        assert outcome.missing == 0
        (failed,) = [event for event in engine.events if isinstance(event, CostsFailed)]
        assert failed.cause == "RuntimeError: no clock"
        assert (engine.results / "failures" / "costs.json").exists()
        engine.script()
        engine.run(self.MEASURE)
        assert not (engine.results / "failures" / "costs.json").exists()
        assert len(read_json(engine.results / "costs.json")["sets"]) == 1

    def test_a_failure_is_forgotten_when_costs_are_not_asked_for_any_more(self, engine: Any) -> None:
        engine.script(fails={"costs": 1})
        assert engine.run(self.MEASURE).failed == 1
        assert engine.run("measure=[accuracy]").failed == 0
        assert status_of(engine.results).failures == ()


class Gate:
    """Trials that wait: each says its process number at one pipe and goes on when it gets a byte from the other."""

    def __init__(self, folder: Path) -> None:
        for name in ("started", "gate"):
            os.mkfifo(folder / name)
        # Opened for reading and writing, so that neither side waits for the other to open its end.
        self._started: BinaryIO = os.fdopen(os.open(folder / "started", os.O_RDWR), "rb", buffering=0)
        self._gate: BinaryIO = os.fdopen(os.open(folder / "gate", os.O_RDWR), "wb", buffering=0)

    def wait_for_start(self) -> int:
        """Wait until one more trial has begun; its process number."""
        line = b""
        while not line.endswith(b"\n"):
            line += self._started.read(1)
        return int(line)

    def let_one_pass(self) -> None:
        self._gate.write(b"g")

    def close(self) -> None:
        self._started.close()
        self._gate.close()


@contextmanager
def gate_in(folder: Path) -> Iterator[Gate]:
    gate = Gate(folder)
    try:
        yield gate
    finally:
        gate.close()


PROGRAM = """
import sys
from pathlib import Path
from ablate.study import run as running
from ablate.study.running import training
from ablate.study.running.options import Options
training.TRIAL = "engine_functions:trial"
options = Options(results=Path("results"), device="cpu", workers=2)
running.run("toy.yaml", options=options, observer=lambda event: print(type(event).__name__, flush=True))
"""


@contextmanager
def start(engine: Any, function: str = "trial") -> Iterator[subprocess.Popen[str]]:
    """The study run by a process group of its own, as a shell or a scheduler starts it; it prints its events."""
    command = [sys.executable, "-c", PROGRAM.replace("engine_functions:trial", f"engine_functions:{function}")]
    with subprocess.Popen(command, cwd=engine.folder, start_new_session=True, stdout=subprocess.PIPE, text=True) as run:
        try:
            yield run
        finally:
            run.kill()


def wait_for_records(process: subprocess.Popen[str], count: int) -> None:
    """Read what `process` prints until it has written `count` records."""
    assert process.stdout is not None
    while count:
        count -= process.stdout.readline() == "TrialFinished\n"
        assert process.poll() is None


def same_apart_from_times(left: Path, right: Path) -> None:
    for name in TABLES:
        one, other = tables(left)[name], tables(right)[name]
        ignored = [column for column in ("train_seconds", "train_images_per_second", "attempts") if column in one]
        pd.testing.assert_frame_equal(one.drop(columns=ignored), other.drop(columns=ignored), check_exact=True)


class TestKilled:
    @pytest.mark.slow
    @pytest.mark.parametrize("finished", [0, 1, 3])
    def test_a_killed_run_leaves_no_process_and_the_next_one_makes_the_same_tables(
        self, engine: Any, finished: int
    ) -> None:
        """Of four trials `finished` have ended when the run is killed, and the others are amid one."""
        undisturbed = self.undisturbed(engine)
        engine.run(max_hours=0.0)  # the plan, so that the process that is killed need not wait for torch
        engine.script(gate=True)
        with gate_in(engine.folder) as gate, start(engine) as process:
            at_work = {gate.wait_for_start() for _ in range(2)}
            for number in range(finished):
                gate.let_one_pass()
                if number + 2 < 4:
                    at_work.add(gate.wait_for_start())
            wait_for_records(process, finished)
            workers = [psutil.Process(pid) for pid in at_work]
            os.killpg(process.pid, signal.SIGKILL)
            assert psutil.wait_procs(workers, timeout=PATIENCE_SECONDS)[1] == []
        assert len(list((engine.results / "records").glob("*.json"))) == finished
        assert not list(engine.results.glob("records/.*"))
        engine.script()
        outcome = engine.run(workers=2)
        assert (outcome.missing, outcome.failed) == (0, 0)
        same_apart_from_times(engine.results, undisturbed)
        attempts = outcome.results.trials["attempts"]
        assert sorted(attempts)[-1] == 2
        assert (attempts == 1).sum() >= finished

    @staticmethod
    def undisturbed(engine: Any) -> Path:
        engine.run(workers=2)
        whole = engine.folder / "undisturbed"
        engine.results.rename(whole)
        (engine.folder / "calls").unlink()
        return whole

    @pytest.mark.slow
    def test_an_interrupted_run_goes_on_where_it_stopped(self, engine: Any) -> None:
        engine.run(max_hours=0.0)
        engine.script(gate=True)
        with gate_in(engine.folder) as gate, start(engine) as process:
            workers = [psutil.Process(gate.wait_for_start()) for _ in range(2)]
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_SECONDS) != 0
            assert psutil.wait_procs(workers, timeout=PATIENCE_SECONDS)[1] == []
        assert not (engine.results / "failures").exists()
        engine.script()
        assert engine.run().missing == 0

    def test_an_interrupt_passes_through(self, engine: Any) -> None:
        def interrupt(event: Any) -> None:
            if isinstance(event, TrialStarted):
                os.kill(os.getpid(), signal.SIGINT)

        engine.script(gate=True)
        options = Options(results=engine.folder / "results", device="cpu", workers=1)
        with gate_in(engine.folder), pytest.raises(KeyboardInterrupt):
            running.run(engine.folder / "toy.yaml", options=options, observer=interrupt)
        engine.script()
        outcome = engine.run()
        assert (outcome.missing, outcome.failed) == (0, 0)


BLOCKED = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, NoTorch())
"""


def test_a_finished_study_is_run_again_without_torch(engine: Any) -> None:
    engine.run()
    program = BLOCKED + PROGRAM + "assert 'torch' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=engine.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
