"""The pipe to the driver process, through which any number of calls run at once."""

import itertools
import json
import os
import select
import subprocess
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from ablate.errors import ExecutorError
from ablate.executors.local import STOPPED

DRIVER = "ablate.executors.ray_tasks.driver"
OPEN_SECONDS = 60  # a new cluster of this machine takes five
CLOSE_SECONDS = 10
# Ray is to send nobody statistics, and not to start a cluster of its own when it has lost, or left, that of the run.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_AUTO_CONNECT": "0"}

Message = dict[str, Any]


class Link:
    """A driver of the cluster at `address`; raises `ExecutorError` where it finds none."""

    def __init__(self, address: str | None) -> None:
        self._shown = f"--executor ray --address {address}" if address else "--executor ray"
        self._process = _start(address)
        self._calls: dict[int, SimpleQueue[Message]] = {}
        self._numbers = itertools.count()
        self._lost = False
        self._listing, self._writing = threading.Lock(), threading.Lock()
        self._nodes = self._first_nodes()
        threading.Thread(target=self._read, daemon=True).start()

    def room(self, cpus: int, gpus: int) -> int:
        """How many tasks that take `cpus` and `gpus` each the nodes there are hold at once."""
        return sum(room_on(node, cpus, gpus) for node in self._nodes)

    def roomless(self, cpus: int, gpus: int) -> ExecutorError:
        """The error where that is none."""
        needed = f"{cpus} CPU{'s' if cpus > 1 else ''}{' and a GPU' if gpus else ''}"
        return ExecutorError(
            f"{self._shown}: no node of the cluster has the {needed} that a trial takes; add one that has, with "
            "`ray start --address HOST:PORT` there"
        )

    def gone(self) -> ExecutorError:
        """The error of a cluster that was lost."""
        return ExecutorError(
            f"{self._shown}: the cluster is lost; start it again and run the same command, which keeps what is finished"
        )

    def open_call(self) -> tuple[int, SimpleQueue[Message]]:
        """The number of a call, and what comes to be said of it: `said`, then `ended` with `details`, or `lost`."""
        number, messages = next(self._numbers), SimpleQueue[Message]()
        with self._listing:
            self._calls[number] = messages
            if self._lost:
                messages.put({"lost": True})
        return number, messages

    def begin(self, number: int, order: Message) -> None:
        """Submit the task of a call."""
        self._send({"call": number, "order": order})

    def stop(self, number: int) -> None:
        """End the task of a call by force, and say at once that it has ended."""
        self._tell(number, {"ended": STOPPED, "details": ""})
        self._send({"stop": number})

    def forget(self, number: int) -> None:
        """Hear no more of a call."""
        with self._listing:
            self._calls.pop(number, None)

    def close(self) -> None:
        """End the driver, and with it every task of this run."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _first_nodes(self) -> list[dict[str, float]]:
        assert self._process.stdout is not None
        refusal = f"no cluster answered within {OPEN_SECONDS} seconds"
        if select.select([self._process.stdout], [], [], OPEN_SECONDS)[0]:
            answer = json.loads(self._process.stdout.readline() or '{"refusal": "Ray ended before it found a cluster"}')
            if "nodes" in answer:
                return answer["nodes"]  # type: ignore[no-any-return]
            refusal = answer["refusal"]
        self._process.kill()  # it may be in the midst of attempts that take minutes
        self.close()
        self._process.stdout.close()
        raise ExecutorError(
            f"{self._shown}: {refusal}; `ray start --head` starts a cluster, `ray start --address HOST:PORT` has this "
            "machine join one, and `ray stop` clears what an earlier one left"
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                message = json.loads(line)
                if "nodes" in message:
                    self._nodes = message["nodes"]
                else:
                    self._tell(message["call"], message)
        with self._listing:
            self._lost = True
            for messages in self._calls.values():
                messages.put({"lost": True})

    def _tell(self, number: int, message: Message) -> None:
        with self._listing:
            if number in self._calls:
                self._calls[number].put(message)

    def _send(self, message: Message) -> None:
        assert self._process.stdin is not None
        # Whether anybody reads it is seen at the other end, which closes when the driver is gone.
        with self._writing, suppress(OSError, ValueError):
            self._process.stdin.write((json.dumps(message) + "\n").encode())
            self._process.stdin.flush()


def _start(address: str | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", DRIVER, *([address] if address else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Ray tells of every node that comes and goes, at length
        env={**os.environ, **SETTINGS},
        start_new_session=True,  # an interrupt at the terminal is the parent's to handle
    )


def room_on(node: dict[str, float], cpus: int, gpus: int) -> int:
    """Tasks that fit a node of Ray's resources `CPU` and `GPU`, which it does not name where it has none."""
    taken = {"CPU": cpus, "GPU": gpus}
    return min(int(node[name] // count) if name in node else 0 for name, count in taken.items() if count)
