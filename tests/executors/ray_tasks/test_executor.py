"""Opening an executor: what is there to be had, and what is said where there is nothing."""

import importlib.util
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from ray_cluster import RayCluster

from ablate.errors import ExecutorError
from ablate.executors.contract import Execution
from ablate.executors.ray_tasks import RayExecutor, link

PATIENCE_SECONDS = 60
ONE = Execution("cpu", workers=7, threads=1)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_without_ray_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match=r"^--executor ray: ray is not installed; pip install ray$"):
        RayExecutor(None)


class TestAddresses:
    @pytest.fixture(autouse=True)
    def with_ray(self) -> None:
        pytest.importorskip("ray")

    @pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:x", "ray://head:10001", "http://head:8265"])
    def test_what_names_no_cluster_is_refused(self, address: str) -> None:
        with pytest.raises(ExecutorError, match=f"^--address {address}: names no Ray cluster; give HOST:PORT of its"):
            RayExecutor(address)

    def test_where_nobody_listens_nobody_is_waited_for(self, silent_port: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            closed = server.getsockname()[1]
        with pytest.raises(
            ExecutorError, match=rf"^--address 127\.0\.0\.1:{closed}: nothing answers there \(Connection"
        ):
            RayExecutor(f"127.0.0.1:{closed}")

    def test_a_host_that_does_not_exist_is_told(self) -> None:
        with pytest.raises(ExecutorError, match=r"^--address nowhere\.invalid:6379: nothing answers there \("):
            RayExecutor("nowhere.invalid:6379")

    @pytest.mark.slow
    def test_what_listens_and_is_no_cluster_is_waited_for_a_while(
        self, silent_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "OPEN_SECONDS", 2)
        with pytest.raises(ExecutorError, match=f"--address 127.0.0.1:{silent_port}: no cluster answered within 2 sec"):
            RayExecutor(f"127.0.0.1:{silent_port}")


@pytest.mark.slow
class TestRoom:
    def test_a_trial_of_one_thread_fits_every_cpu(self, executor: RayExecutor) -> None:
        assert executor.slots(ONE) == 2

    def test_a_trial_that_no_node_can_hold_is_refused(self, executor: RayExecutor) -> None:
        """Two CPUs there are, but on two nodes."""
        with pytest.raises(ExecutorError, match="no node of the cluster has the 2 CPUs that a trial takes; add one"):
            executor.slots(Execution("cpu", workers=1, threads=2))

    def test_a_trial_on_cuda_takes_a_gpu(self, executor: RayExecutor) -> None:
        assert executor.slots(Execution("cuda:0", workers=1, threads=1)) == 1
        with pytest.raises(ExecutorError, match="no node of the cluster has the 2 CPUs and a GPU that a trial takes"):
            executor.slots(Execution("cuda:0", workers=1, threads=2))

    def test_a_node_that_comes_is_counted(self, cluster: RayCluster, executor: RayExecutor) -> None:
        cluster.tell("add")
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while executor.slots(ONE) < 3 and time.monotonic() < deadline:
            pause.wait(0.1)
        assert executor.slots(ONE) == 3
        cluster.tell("kill")


@pytest.mark.parametrize(
    ("node", "cpus", "gpus", "expected"),
    [
        ({"CPU": 8.0, "GPU": 2.0}, 2, 0, 4),
        ({"CPU": 8.0, "GPU": 2.0}, 2, 1, 2),
        ({"CPU": 3.0, "GPU": 8.0}, 2, 1, 1),
        ({"CPU": 8.0}, 2, 1, 0),
        ({"GPU": 1.0}, 1, 1, 0),  # a head that Ray was told to keep free
    ],
)
def test_what_is_scarcest_decides_how_many_fit_a_node(
    node: dict[str, float], cpus: int, gpus: int, expected: int
) -> None:
    assert link.room_on(node, cpus, gpus) == expected
