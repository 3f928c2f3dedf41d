"""What a run says when a phase begins: the cells of its table of progress."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ablate.executors.contract import Execution
from ablate.records import finished_keys
from ablate.schema import FIRST_REHEARSAL_SEED, SeedBlocks
from ablate.study.planning.plan import Plan
from ablate.study.running.events import Observer, StudyStarted


@dataclass(frozen=True)
class Announcer:
    """Tells `observer` of the phases of a run in `folder`."""

    folder: Path
    execution: Execution
    observer: Observer

    def training(self, plan: Plan) -> None:
        """The variants of `plan` train, a column a seed."""
        self.observer(self._started(plan))

    def rehearsal(
        self, plan: Plan, phase: Literal["tuning", "search"], trials: int, ended: Mapping[str, Collection[int]]
    ) -> None:
        """Trials on images held out, so many of every row of `ended`, which has the seeds of those that have ended."""
        seeds = range(FIRST_REHEARSAL_SEED, FIRST_REHEARSAL_SEED + trials)
        done = frozenset((row, seed) for row, seeds_ended in ended.items() for seed in seeds_ended)
        started = replace(self._started(plan), variants=tuple(ended), seeds=tuple(seeds), phase=phase)
        self.observer(replace(started, done=done, shared=frozenset()))

    def _started(self, plan: Plan) -> StudyStarted:
        finished = finished_keys(self.folder)
        cells = {key: (planned.variant.name, seed) for key, (planned, seed) in plan.trials.items()}
        variants = tuple(dict.fromkeys(name for name, _ in cells.values()))
        seeds = plan.study.config.seeds
        return StudyStarted(
            name=plan.study.config.name,
            folder=self.folder,
            variants=variants,
            seeds=plan.seeds,
            done=frozenset(cell for key, cell in cells.items() if key in finished),
            device=self.execution.device,
            workers=self.execution.workers,
            threads=self.execution.threads,
            at_most=seeds.at_most if isinstance(seeds, SeedBlocks) else None,
            shared=frozenset(itertools.product(variants, plan.seeds)) - set(cells.values()),
        )
