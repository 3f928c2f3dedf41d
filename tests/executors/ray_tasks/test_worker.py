"""Workers whose calls are tasks: the same answers as a local worker's, and nodes, tasks and clusters that are lost."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_cluster import RayCluster, ray_cluster, tasks_see

from ablate.errors import ExecutorError
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.executors.local import LocalWorker
from ablate.executors.ray_tasks import RayExecutor, RayWorker
from ablate.executors.ray_tasks import worker as ray_worker

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60
ONE = Execution("cpu", workers=1, threads=1)

Progress = list[dict[str, Any]]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as made:
        yield made


@pytest.fixture
def workers(executor: RayExecutor, threads: ThreadPoolExecutor) -> Iterator[list[RayWorker]]:
    """Closed before the threads are waited for that may run their calls."""
    made = [executor.worker(ONE) for _ in range(3)]
    yield made
    for worker in made:
        worker.close()


@pytest.fixture
def worker(workers: list[RayWorker]) -> RayWorker:
    return workers[0]


def call(folder: Path, function: str, timeout: float | None = None, silence: float | None = None, **task: Any) -> Call:
    return Call(f"engine_functions:{function}", task, folder / "logs" / f"{function}.log", timeout, silence)


def log(folder: Path, function: str) -> str:
    return (folder / "logs" / f"{function}.log").read_text()


def cause(worker: RayWorker | LocalWorker, wanted: Call) -> str:
    with pytest.raises(CallFailed) as failed:
        worker.run(wanted, lambda _: None)
    return failed.value.cause


def hang(worker: RayWorker, folder: Path, threads: ThreadPoolExecutor) -> tuple["Future[dict[str, Any]]", int]:
    """A call that hangs, and the number of its process."""
    told: Progress = []
    begun = threading.Event()

    def observe(progress: dict[str, Any]) -> None:
        told.append(progress)
        begun.set()

    running = threads.submit(worker.run, call(folder, "hangs"), observe)
    assert begun.wait(PATIENCE_SECONDS)
    return running, told[0]["pid"]


def gone(process: int) -> bool:
    """Whether it ends, as it does some time after whoever wanted it to has gone on."""
    try:
        return psutil.wait_procs([psutil.Process(process)], timeout=PATIENCE_SECONDS)[1] == []
    except psutil.NoSuchProcess:
        return True


class TestCalls:
    def test_a_call_gives_its_result_after_its_progress(self, worker: RayWorker, tmp_path: Path) -> None:
        told: Progress = []
        result = worker.run(call(tmp_path, "echo", progress=3, text="ä\n", lr=0.1 + 0.2), told.append)
        assert result["task"] == {"progress": 3, "text": "ä\n", "lr": 0.1 + 0.2}
        assert told == [{"number": 0}, {"number": 1}, {"number": 2}]
        assert worker.machine is None  # it is this one's

    @pytest.mark.usefixtures("engine_path")
    def test_what_settles_numbers_is_set_as_for_a_local_worker(self, worker: RayWorker, tmp_path: Path) -> None:
        local = LocalWorker(ONE)
        wanted = call(tmp_path, "variables", prefixes=["OMP", "MKL", "OPENBLAS", "MALLOC", "KMP", "LD_", "TORCH"])
        assert worker.run(wanted, lambda _: None) == local.run(wanted, lambda _: None)
        local.close()

    def test_processes_are_kept_from_call_to_call(self, worker: RayWorker, tmp_path: Path) -> None:
        """One a node, of which there are two."""
        assert len({worker.run(call(tmp_path, "echo"), lambda _: None)["pid"] for _ in range(6)}) <= 2

    def test_what_is_printed_comes_to_the_log_and_a_second_attempt_adds_to_it(
        self, worker: RayWorker, tmp_path: Path
    ) -> None:
        for _ in range(2):
            assert worker.run(call(tmp_path, "noisy"), lambda _: None) == {"answer": 42}
        assert log(tmp_path, "noisy") == 2 * (
            '{"result": "a lie"}\n{"cause": "another lie"}\na warning\nfrom a child\n'
        )
        worker.run(call(tmp_path, "echo"), lambda _: None)
        assert log(tmp_path, "echo") == ""

    def test_a_log_that_cannot_be_written_costs_no_result(self, worker: RayWorker, tmp_path: Path) -> None:
        (tmp_path / "logs").write_text("a file where a folder should be")
        assert worker.run(call(tmp_path, "noisy"), lambda _: None) == {"answer": 42}

    def test_on_cuda_a_trial_sees_one_gpu_which_is_its_first(self, executor: RayExecutor, tmp_path: Path) -> None:
        worker = executor.worker(Execution("cuda:3", workers=4, threads=1))
        assert worker.run(call(tmp_path, "echo", device="cuda:3"), lambda _: None)["task"] == {"device": "cuda:0"}
        seen = worker.run(call(tmp_path, "variables", prefixes=["CUDA_VISIBLE"]), lambda _: None)
        assert seen == {"CUDA_VISIBLE_DEVICES": "0"}

    def test_a_checkpoint_is_named_by_its_whole_path(self, worker: RayWorker, tmp_path: Path) -> None:
        result = worker.run(call(tmp_path, "echo", checkpoint="results/checkpoints/k.pt"), lambda _: None)
        assert result["task"]["checkpoint"] == str(Path.cwd() / "results" / "checkpoints" / "k.pt")

    def test_another_machine_is_described(
        self, executor: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ray_worker, "identity", lambda: "another")
        worker = executor.worker(ONE)
        worker.run(call(tmp_path, "echo"), lambda _: None)
        assert worker.machine is not None
        assert worker.machine["machine"]["cores"] == len(os.sched_getaffinity(0))


class TestFailures:
    @pytest.mark.usefixtures("engine_path")
    @pytest.mark.parametrize(
        ("function", "task"),
        [
            ("raises", {"message": "bäd\nworse"}),
            ("nowhere", {}),
            ("exits", {"status": 7}),
            ("kills_itself", {"signal": signal.SIGKILL}),
            ("kills_itself", {"signal": signal.SIGSEGV}),
            ("returns_what_json_cannot_hold", {"what": "set"}),
        ],
    )
    def test_causes_and_logs_are_those_of_a_local_worker(
        self, worker: RayWorker, tmp_path: Path, function: str, task: dict[str, Any]
    ) -> None:
        local = LocalWorker(ONE)
        expected = cause(local, call(tmp_path / "local", function, **task))
        assert cause(worker, call(tmp_path / "ray", function, **task)) == expected
        logged, expected_log = (log(tmp_path / name, function).splitlines() for name in ("ray", "local"))
        assert logged[-1:] == expected_log[-1:]
        assert len(logged) == len(expected_log)
        local.close()

    def test_a_call_that_takes_too_long_is_ended(self, worker: RayWorker, tmp_path: Path) -> None:
        told: Progress = []
        with pytest.raises(CallFailed, match=r"^took longer than trial_timeout_minutes allows \(0\.02 minutes\)$"):
            worker.run(call(tmp_path, "hangs", timeout=1.2), told.append)
        assert not psutil.pid_exists(told[0]["pid"])

    def test_a_call_that_falls_silent_is_ended(self, worker: RayWorker, tmp_path: Path) -> None:
        expected = "nothing was heard of it for stall_timeout_minutes (0.01 minutes)"
        assert cause(worker, call(tmp_path, "hangs", silence=0.6)) == expected

    def test_a_node_that_does_not_give_up_in_time_is_given_up(
        self, worker: RayWorker, tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ray_worker, "GRACE_SECONDS", 1.0)
        stopped: list[psutil.Process] = []

        def stop(progress: dict[str, Any]) -> None:
            task = psutil.Process(progress["pid"]).parent()
            assert task is not None
            task.suspend()
            stopped.append(task)

        with pytest.raises(CallFailed, match=r"^its Ray node did not end it in time$"):
            worker.run(call(tmp_path, "hangs", timeout=3600.0, silence=0.5), stop)
        stopped[0].kill()

    def test_an_observer_that_raises_ends_the_call(self, worker: RayWorker, tmp_path: Path) -> None:
        told: Progress = []

        def observe(progress: dict[str, Any]) -> None:
            told.append(progress)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            worker.run(call(tmp_path, "hangs"), observe)
        assert gone(told[0]["pid"])
        assert worker.run(call(tmp_path, "noisy"), lambda _: None) == {"answer": 42}

    def test_a_task_whose_own_process_dies_says_what_is_lost(
        self, worker: RayWorker, tmp_path: Path, threads: ThreadPoolExecutor
    ) -> None:
        running, process = hang(worker, tmp_path, threads)
        task = psutil.Process(process).parent()
        assert task is not None
        task.kill()
        with pytest.raises(CallFailed, match=r"^its Ray worker died \(node [\d.]+\)$"):
            running.result(PATIENCE_SECONDS)
        assert log(tmp_path, "hangs").startswith("[its Ray worker died; what was printed last is lost]\n")
        assert gone(process)


class TestClosing:
    def test_a_worker_can_be_closed_from_another_thread_amid_a_call(
        self, worker: RayWorker, tmp_path: Path, threads: ThreadPoolExecutor
    ) -> None:
        running, process = hang(worker, tmp_path, threads)
        worker.close()
        with pytest.raises(CallFailed, match=r"^the run was stopped$"):
            running.result(PATIENCE_SECONDS)
        assert gone(process)
        assert cause(worker, call(tmp_path, "echo")) == "the run was stopped"

    def test_a_call_waits_for_room(self, workers: list[RayWorker], tmp_path: Path, threads: ThreadPoolExecutor) -> None:
        holding = [hang(worker, tmp_path, threads)[0] for worker in workers[:2]]
        waiting = threads.submit(workers[2].run, call(tmp_path, "noisy"), lambda _: None)
        workers[0].close()
        assert waiting.result(PATIENCE_SECONDS) == {"answer": 42}
        workers[1].close()
        for each in holding:
            with pytest.raises(CallFailed, match="stopped"):
                each.result(PATIENCE_SECONDS)

    def test_a_call_that_waits_for_room_can_be_closed(
        self, workers: list[RayWorker], tmp_path: Path, threads: ThreadPoolExecutor
    ) -> None:
        for worker in workers[:2]:
            hang(worker, tmp_path, threads)
        waiting = threads.submit(workers[2].run, call(tmp_path, "noisy"), lambda _: None)
        workers[2].close()
        with pytest.raises(CallFailed, match=r"^the run was stopped$"):
            waiting.result(PATIENCE_SECONDS)

    def test_tasks_end_when_the_run_is_killed(self, cluster: RayCluster, tmp_path: Path) -> None:
        program = """
import sys
from pathlib import Path
from ablate.executors.contract import Call, Execution
from ablate.executors.ray_tasks import RayExecutor
worker = RayExecutor(sys.argv[1]).worker(Execution("cpu", 1, 1))
call = Call("engine_functions:hangs", {}, Path(sys.argv[2]), None)
worker.run(call, lambda progress: print(progress["pid"], flush=True))
"""
        tests = str(Path(__file__).parent.parent.parent)
        with tasks_see(PYTHONPATH=tests):
            parent = subprocess.Popen(
                [sys.executable, "-c", program, cluster.address, str(tmp_path / "log")],
                stdout=subprocess.PIPE,
                text=True,
            )
        with parent:
            assert parent.stdout is not None
            process = int(parent.stdout.readline())
            parent.kill()
        assert gone(process)


class TestNodes:
    def test_the_next_call_finds_another_when_one_is_killed(
        self, cluster: RayCluster, workers: list[RayWorker], tmp_path: Path, threads: ThreadPoolExecutor
    ) -> None:
        running = [hang(worker, tmp_path, threads) for worker in workers[:2]]
        cluster.tell("kill")
        wait([future for future, _ in running], PATIENCE_SECONDS, FIRST_COMPLETED)
        lost = [future.done() for future, _ in running].index(True)
        with pytest.raises(CallFailed, match=r"^its Ray node died \(node [\d.]+\)$"):
            running[lost][0].result()
        assert gone(running[lost][1])
        workers[1 - lost].close()
        assert workers[lost].run(call(tmp_path, "noisy"), lambda _: None) == {"answer": 42}
        cluster.tell("add")

    def test_one_with_other_versions_ends_the_run(
        self, executor: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ray_worker, "versions", lambda: {"torch": "1.4"})
        with pytest.raises(ExecutorError, match=r"node [\d.]+ cannot run trials: it has torch [\d.]+ rather than 1\.4"):
            executor.worker(ONE).run(call(tmp_path, "echo"), lambda _: None)

    def test_one_without_ablate_ends_the_run(
        self, cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "ablate").mkdir()
        (tmp_path / "ablate" / "__init__.py").write_text("raise ModuleNotFoundError('is not there')")
        monkeypatch.chdir(tmp_path / "ablate")
        with tasks_see(PYTHONPATH=str(tmp_path)):
            executor = RayExecutor(cluster.address)
        with pytest.raises(ExecutorError, match=r"ablate cannot be imported there \(is not there\); inst"):
            executor.worker(ONE).run(call(tmp_path, "echo"), lambda _: None)
        executor.close()

    def test_a_trial_that_none_has_ever_room_for_ends_the_run(
        self, executor: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ray_worker, "LOOK_SECONDS", 0.1)
        monkeypatch.setattr(ray_worker, "ROOMLESS_SECONDS", 0.3)
        with pytest.raises(ExecutorError, match="no node of the cluster has the 64 CPUs that a trial takes"):
            executor.worker(Execution("cpu", 1, 64)).run(call(tmp_path, "echo"), lambda _: None)


def test_a_lost_cluster_ends_the_run_and_every_call_after_it(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ray_cluster() as cluster:
        monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")  # of the driver; a minute is Ray's own choice
        with tasks_see(PYTHONPATH=str(Path(__file__).parent.parent.parent)):
            executor = RayExecutor(cluster.address)
        worker = executor.worker(ONE)
        running, _ = hang(worker, tmp_path, threads)
        cluster.tell("kill-gcs")
        with pytest.raises((ExecutorError, CallFailed), match=r"the cluster is lost|its Ray node died"):
            running.result(PATIENCE_SECONDS)
        for _ in range(2):
            with pytest.raises(ExecutorError, match="the cluster is lost; start it again and run the same command"):
                worker.run(call(tmp_path, "echo"), lambda _: None)
        worker.close()
        executor.close()
