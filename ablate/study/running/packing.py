"""How many workers of a study one GPU is worth: one more as long as all of them together train faster.

A small network leaves most of a GPU idle, whatever its loop does; only trials side by side fill it. So the study's own
networks train a stretch with one worker, with two, and so on, before its first trial begins.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ablate import environment
from ablate.executors.contract import CallFailed
from ablate.occupancy import alone, once
from ablate.study.planning.plan import Plan, Planned
from ablate.study.running.crew import Crew, Split, crew, stretch_of
from ablate.study.running.events import CostsWait, GpuShared, Observer

MOST_WORKERS = 8  # on one GPU; each has a CUDA context of half a gigabyte
GROWTH = 1.05
STEPS = 30

Rate = Callable[[int], float]
"""Images a second of so many workers together; raises `CallFailed` where they do not fit."""


def workers_worth(rate: Rate, most: int) -> int:
    """The first number of workers from which one more brings less than 5 %, or does not fit; at most `most`.

    Raises `CallFailed` where not even one fits.
    """
    count, fastest = 1, rate(1)
    while count < most:
        try:
            faster = rate(count + 1)
        except CallFailed:  # out of memory, above all
            return count
        if faster < GROWTH * fastest:
            return count
        count, fastest = count + 1, faster
    return count


def worth_of(plan: Plan, device: str, log: Path, observer: Observer) -> int:
    """How many workers `device` is worth for the variants of `plan`, while nobody else of this machine uses it; 1 where
    a network does not train at all.

    That is left to its trials to tell, which are rows of the results.
    """
    most = max(1, min(MOST_WORKERS, environment.cores(), plan.most_trials))
    judged = _judged([planned for planned in plan.variants if planned.variant.train is not None])
    with alone(device, once(lambda: observer(CostsWait(device)))), crew(device, log) as workers:

        def rate(count: int) -> float:
            together = _images_per_second(judged, workers, Split(count, max(1, environment.cores() // most)))
            observer(GpuShared(device, count, together))
            return together

        try:
            return workers_worth(rate, most)
        except CallFailed:
            return 1


def _judged(planned: Sequence[Planned]) -> list[Planned]:
    """The smallest network, the middle one and the largest."""
    ordered = sorted(planned, key=lambda each: each.macs)
    return [ordered[place] for place in sorted({0, len(ordered) // 2, len(ordered) - 1})]


def _images_per_second(judged: Sequence[Planned], workers: Crew, split: Split) -> float:
    """Over all of them, an equal number of images each. The first stretch of each loads data and code."""
    seconds_an_image = 0.0
    for planned in judged:
        task = stretch_of(planned, STEPS)
        seconds_an_image += [1 / workers.images_per_second(split, task) for _ in range(2)][1]
    return len(judged) / seconds_an_image
