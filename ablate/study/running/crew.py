"""Workers that train at the same time, as those of a study do, and how many images they do a second together."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.executors.contract import Call, Execution
from ablate.executors.local import LocalExecutor, LocalWorker
from ablate.study.planning.plan import Planned

PACE = "ablate.pace:run"
SCORE = "ablate.pace:run_score"


@dataclass(frozen=True)
class Split:
    """How the cores are shared out: so many workers of so many threads."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}x{self.threads}"


@dataclass
class _Pool:
    executor: LocalExecutor = field(default_factory=LocalExecutor)
    workers: list[LocalWorker] = field(default_factory=list)


class Crew:
    """Workers of every split, started when they are first needed; of one split at a time some are busy."""

    def __init__(self, device: str, log: Path, stack: ExitStack) -> None:
        self._device, self._log, self._stack = device, log, stack
        self._pools: dict[Split, _Pool] = {}

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
        """On a GPU those of a smaller split are among them; on a CPU each split has its own cores and threads."""
        pool = self._pools.setdefault(split if self._device == "cpu" else Split(0, split.threads), _Pool())
        execution = Execution(device=self._device, workers=split.workers, threads=split.threads)
        while len(pool.workers) < split.workers:
            pool.workers.append(pool.executor.worker(execution))
            self._stack.callback(pool.workers[-1].close)
        return pool.workers[: split.workers]


def stretch_of(planned: Planned, steps: int) -> dict[str, Any]:
    """The task of a stretch of `steps` steps by the harness's loop, on as many images as these see.

    What only whole trainings have is left out: a schedule, a validation set.
    """
    variant = planned.variant
    assert variant.data is not None
    assert variant.train is not None
    batch = variant.train.batch_size
    data = variant.data.model_copy(update={"train_limit": steps * batch, "validation": None})
    plain = {"schedule": "constant", "warmup_epochs": 0.0, "stop_patience_epochs": None, "epochs": 1, "steps": None}
    decays = dict.fromkeys(("decay_factor", "decay_epochs", "decay_images", "milestones", "patience_epochs"))
    train = variant.train.model_copy(update={**plain, **decays})
    return {
        "model": variant.model.as_task(),
        "data": data.model_dump(mode="json"),
        "train": train.model_dump(mode="json"),
        "seed": 0,
        "steps": steps,
        "way": "harness",
        "layout": "channels_last",
    }


@contextmanager
def crew(device: str, log: Path) -> Iterator[Crew]:
    """A crew whose workers end with the context."""
    with ExitStack() as stack:
        yield Crew(device, log, stack)


def splits(cores: int) -> tuple[Split, ...]:
    """Every way to share `cores` out evenly, from one worker with all of them to as many workers."""
    return tuple(Split(count, cores // count) for count in range(1, cores + 1) if cores % count == 0)
