"""Trials as tasks of a Ray cluster. No module but driver.py imports ray, and that in a process of its own.

    worker.py   a worker: one call after another, each as a task, progress and log carried back
    link.py     the pipe to the driver process
    driver.py   the driver process: submits tasks, hands on what they say
    node.py     what a task does on its node: drives an `ablate.executors.worker` process there

A task runs the same process as a local worker does, with the same environment, so records are the same too.
"""

import importlib.util
import os
import socket

from ablate.errors import ExecutorError
from ablate.executors.contract import Execution
from ablate.executors.ray_tasks.link import Link
from ablate.executors.ray_tasks.worker import RayWorker, gpus

CONNECT_SECONDS = 10


class RayExecutor:
    """The cluster at `address`, HOST:PORT; None for the one that RAY_ADDRESS names or this machine belongs to, or else
    a new one of this machine alone.

    Raises `ExecutorError` where ray is not installed or no cluster answers.
    """

    def __init__(self, address: str | None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ExecutorError("--executor ray: ray is not installed; pip install ray")
        if address is not None:
            _check_listening(address)
        self._link = Link(address)

    def slots(self, execution: Execution) -> int:
        """How many trials the nodes there are can train at once; `ExecutorError` where none has room for a single one.

        Other users of the cluster are not asked: what they hold is waited for.
        """
        count = self._link.room(execution.threads, gpus(execution))
        if count == 0:
            raise self._link.roomless(execution.threads, gpus(execution))
        return count

    def worker(self, execution: Execution) -> RayWorker:
        """A worker that holds nothing of the cluster between its calls."""
        return RayWorker(execution, self._link)

    def close(self) -> None:
        """Leave the cluster, which ends whatever task still runs."""
        self._link.close()


def _check_listening(address: str) -> None:
    """Raise `ExecutorError` within seconds where Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        if address in ("auto", "local"):
            return
        raise ExecutorError(
            f"--address {address}: names no Ray cluster; give HOST:PORT of its head, as `ray start --head` prints it"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise ExecutorError(
            f"--address {address}: nothing answers there ({reason}); start a cluster with `ray start --head`, "
            "and give the HOST:PORT that it prints"
        ) from error
