"""The process that speaks with Ray: `python -m ablate.executors.ray_tasks.driver [ADDRESS]`. The only importer of ray.

It is a process of its own because Ray ends the one that it runs in when its cluster is lost, and fills the terminal.
It reads JSON lines, `{"call", "order"}` to begin a task and `{"stop"}` to end one by force, and answers in JSON lines:
`{"nodes"}`, now and whenever they change, or `{"refusal"}`; then `{"call", "said"}` for what a task says, and
`{"call", "ended", "details"}` after the last of it, where `ended` is None or what went wrong.
"""

import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import ray
from ray import exceptions

from ablate.executors.local import STOPPED

LOOK_SECONDS = 3.0

WORDS = {
    exceptions.NodeDiedError: "its Ray node died",
    exceptions.LocalRayletDiedError: "its Ray node died",
    exceptions.WorkerCrashedError: "its Ray worker died",
    exceptions.OutOfMemoryError: "Ray ended it because its node ran out of memory",
    exceptions.TaskCancelledError: STOPPED,
}


class Answers:
    """Lines to the parent, from any thread."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w")
        self._writing = threading.Lock()
        os.dup2(2, 1)

    def say(self, message: dict[str, Any]) -> None:
        with self._writing:
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()


def main(address: str | None) -> None:
    """Serve the parent until it is gone, or the cluster."""
    answers = Answers()
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        answers.say({"nodes": _nodes()})
    except Exception as error:
        answers.say({"refusal": " ".join(str(error).split())})
        return
    threading.Thread(target=_watch_nodes, args=(answers,), daemon=True).start()
    _serve(answers)
    ray.shutdown()
    os._exit(0)  # whatever its threads wait for


def _serve(answers: Answers) -> None:
    running: dict[int, Any] = {}
    for line in sys.stdin:
        message = json.loads(line)
        if "order" in message:
            number = message["call"]
            running[number] = _submit(message["order"])
            threading.Thread(target=_follow, args=(number, running, answers), daemon=True).start()
        else:
            with suppress(KeyError, exceptions.RayError):  # it may end just now
                ray.cancel(running[message["stop"]], force=True)


def _submit(order: dict[str, Any]) -> Any:
    """The stream of what the task says."""
    return TASK.options(name=order["function"], num_cpus=order["cpus"], num_gpus=order["gpus"]).remote(order)


def _follow(number: int, running: dict[int, Any], answers: Answers) -> None:
    ended, details = None, ""
    try:
        for item in running[number]:
            answers.say({"call": number, "said": ray.get(item)})
    except Exception as error:  # Ray's, since what a trial raises is said
        ended, details = _words(error), str(error)
    del running[number]
    answers.say({"call": number, "ended": ended, "details": details})


def _words(error: Exception) -> str:
    known = (words for kind, words in WORDS.items() if isinstance(error, kind))
    return next(known, f"Ray: {type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """Of a `RayTaskError`, the error itself rather than where it was raised."""
    text = str(getattr(error, "cause", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _watch_nodes(answers: Answers) -> None:
    known: list[dict[str, float]] = []
    while True:
        time.sleep(LOOK_SECONDS)
        nodes = _nodes()
        if nodes != known:
            answers.say({"nodes": nodes})
            known = nodes


def _run_there(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What runs on a node. Ray carries this very function there, so that one without ablate can say so."""
    yield {"node": ray.util.get_node_ip_address()}
    try:
        node = importlib.import_module("ablate.executors.ray_tasks.node")
    except ImportError as error:
        yield {"unfit": f"ablate cannot be imported there ({error}); install the same version as here"}
        return
    yield from node.serve(order)


# Ray is never to run it again: whether to is the ledger's to say.
TASK = ray.remote(num_returns="streaming", max_retries=0, scheduling_strategy="SPREAD")(_run_there)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
