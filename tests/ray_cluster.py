"""A Ray cluster on this machine for tests, with nodes that can be killed.

It lives in a process of its own, `python ray_cluster.py`, since Ray ends whatever process has lost its cluster. That
one takes the words `add`, `kill`, `kill-head` and `kill-gcs` line by line, and answers each with the cluster's address.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import pytest


@dataclass(frozen=True)
class RayCluster:
    """A head and a node of one CPU each; Ray is told that the head has a GPU too, as it believes anybody."""

    process: "subprocess.Popen[str]"

    @property
    def address(self) -> str:
        return self.tell("address")

    def tell(self, word: str) -> str:
        """Have a node added or the last one, the head or the head's memory killed; the address."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """A cluster as long as the context; skips the test where ray is not installed."""
    pytest.importorskip("ray")
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # paths of sockets have to be short
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"},
    )
    with process:
        yield RayCluster(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def tasks_see(**variables: str) -> Iterator[None]:
    """Have tasks of drivers started meanwhile see environment variables, as `ray job submit --runtime-env` would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": {"env_vars": variables}}))
        yield


def serve() -> None:
    from ray.cluster_utils import Cluster

    started: set[psutil.Process] = set()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, "include_dashboard": False})
    address, nodes = cluster.address, [cluster.add_node(num_cpus=1)]
    for line in sys.stdin:
        word = line.strip()
        started.update(psutil.Process().children(recursive=True))
        if word == "add":
            nodes.append(cluster.add_node(num_cpus=1))
        if word == "kill":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        if word == "kill-head":
            cluster.remove_node(cluster.head_node, allow_graceful=False)
        if word == "kill-gcs":
            cluster.head_node.kill_gcs_server(check_alive=False)
        answers.write(f"{address}\n")
        answers.flush()
    started.update(psutil.Process().children(recursive=True))
    for process in started:  # Ray itself leaves some behind whose node was killed
        with suppress(psutil.NoSuchProcess):
            process.kill()
    os._exit(0)


if __name__ == "__main__":
    serve()
