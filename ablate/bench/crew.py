"""Workers that train at the same time, as those of a study do, and how many images they do a second together."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.executors.contract import Call, Execution
from ablate.executors.local import LocalExecutor, LocalWorker

PACE = "ablate.pace:run"
SCORE = "ablate.pace:run_score"


@dataclass(frozen=True)
class Split:
    """How the cores are shared out: so many workers of so many threads."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}x{self.threads}"


class Crew:
    """Workers of every split, started when they are first needed; of one split at a time some are busy."""

    def __init__(self, device: str, log: Path, stack: ExitStack) -> None:
        self._device, self._log, self._stack = device, log, stack
        self._workers: dict[Split, list[LocalWorker]] = {}

    def images_per_second(self, split: Split, task: Mapping[str, Any], function: str = PACE) -> float:
        """What all workers of `split`, each with `task`, get through; raises `CallFailed` if one of them fails.

        The slowest counts for all: where one is done early the others have its share of the machine.
        """
        workers = self._of(split)
        call = Call(function, {**task, "device": self._device}, self._log, timeout_seconds=None)
        with ThreadPoolExecutor(len(workers)) as threads:
            taken = list(threads.map(lambda worker: worker.run(call, lambda progress: None), workers))
        return float(sum(each["images"] for each in taken) / max(each["seconds"] for each in taken))

    def _of(self, split: Split) -> list[LocalWorker]:
        if split not in self._workers:
            execution = Execution(device=self._device, workers=split.workers, threads=split.threads)
            executor = LocalExecutor()
            self._workers[split] = [executor.worker(execution) for _ in range(split.workers)]
            for worker in self._workers[split]:
                self._stack.callback(worker.close)
        return self._workers[split]


@contextmanager
def crew(device: str, log: Path) -> Iterator[Crew]:
    """A crew whose workers end with the context."""
    with ExitStack() as stack:
        yield Crew(device, log, stack)


def splits(cores: int) -> tuple[Split, ...]:
    """Every way to share `cores` out evenly, from one worker with all of them to as many workers."""
    return tuple(Split(count, cores // count) for count in range(1, cores + 1) if cores % count == 0)
