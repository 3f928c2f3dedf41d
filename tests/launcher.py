"""Starts runs of the engine by the hundred, to be killed: a process that has imported everything, and forks.

It reads a JSON line a run, {"folder", "crash", "at", "ledger", "workers"}, and answers with the run's process number;
{"wait": pid} is answered with its status. A run trains what plan.json lacks, with trials that are free of torch.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ablate.executors.contract import Execution
from ablate.executors.local import LocalWorker
from ablate.ledger import Agreement, Ledger, file_place, server_place
from ablate.records import clear_partials, finished_keys, read_json
from ablate.study.running import supervise
from ablate.study.running.agenda import Job
from ablate.study.running.shelf import RecordShelf
from ablate.study.running.supervise import Seat, Supervisor, Terms

WORKERS = 2
AGREEMENT = Agreement({"train": {"lr": 0.1}}, "d" * 64, {"data_digest": {"toy": "t1"}})


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork() or run_and_exit(order)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def run_and_exit(order: dict[str, Any]) -> int:
    sys.stdout = sys.stderr  # the pipe is the launcher's
    status = 1
    try:
        if order["crash"] is not None:
            crash_before(*CRASHES[order["crash"]], order["at"])
        run(Path(order["folder"]), order["ledger"], order["workers"])
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


CRASHES: dict[str, tuple[Any, str]] = {
    "fsync": (os, "fsync"),
    "rename": (Path, "replace"),
    "claim": (Ledger, "claim"),
    "tell": (Ledger, "complete"),
}


def crash_before(owner: Any, name: str, at: int) -> None:
    """Have this process killed when it is about to call `name` for the time numbered `at`, counted from 1."""
    whole: Callable[..., Any] = getattr(owner, name)
    calls = iter(range(1, at))

    def crashing(*arguments: Any, **named: Any) -> Any:
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments, **named)

    setattr(owner, name, crashing)


def run(folder: Path, url: str | None, workers: int) -> None:
    plan, (environment,) = read_json(folder / "plan.json"), read_json(folder / "environment.json")
    clear_partials(folder)
    done = finished_keys(folder)
    jobs = [
        Job(key, variant["variant"], int(seed), 1, {"key": key, "seed": int(seed), "scored": "test"})
        for variant in plan["variants"]
        for seed, key in variant["keys"].items()
        if key not in done
    ]
    terms = Terms(
        folder=folder,
        function="engine_functions:brief_trial",
        environment=lambda machine: environment,
        retries=1,
        timeout_seconds=None,
        silence_seconds=None,
        deadline=float("inf"),
    )
    place = file_place(folder) if url is None else server_place(folder, url)
    seats = [Seat(LocalWorker(Execution("cpu", workers, 1)), "cpu") for _ in range(workers)]
    agreement = None if url is None else AGREEMENT
    supervise.LOOK_SECONDS = 0.2
    with Ledger(place, plan["study"]["name"], RecordShelf(folder), agreement=agreement) as queue:
        queue.carry([key for variant in plan["variants"] for key in variant["keys"].values()])
        try:
            if jobs:
                Supervisor(jobs, queue, terms, lambda event: None).run(seats)
        finally:
            for seat in seats:
                seat.worker.close()


if __name__ == "__main__":
    main()
