"""How fast a variant trains: the harness's loop beside bare steps, the hand-written script and other ways, in rounds.

In every round each way trains the same number of steps, one way after another, so that what the machine does meanwhile
meets all of them; a ratio is taken within a round. The rate is constant and the training subset as large as the
stretch, so that an epoch's preparations weigh as in a whole training.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.analysis.ratios import MedianInterval, geometric_mean, median_interval, ratio
from ablate.bench.script import MOST_LOADER_PROCESSES, UNTIMED_BATCHES, Script
from ablate.data import DATASETS
from ablate.executors.contract import CallFailed
from ablate.study.machine import Say
from ablate.study.planning.plan import Planned
from ablate.study.running.crew import Crew, Split, splits, stretch_of

ROUNDS = 15  # of what is compared to a percent
SCRIPT_ROUNDS = 7
OTHER_ROUNDS = 3
COMPILED_ROUNDS = 1  # compiling takes far longer than training
STRETCH_SECONDS = 2.0
FEWEST_STEPS, MOST_STEPS = 4, 200
OTHER_PRECISION = {"bf16": "fp32", "fp32": "bf16"}

Rate = Callable[[], float]
"""Images a second, measured once; raises `CallFailed`."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all variants are measured with: on `device`, `split` over its workers; `script` is a path, None for none."""

    device: str
    cores: int
    split: Split
    script: Path | None
    folder: Path


@dataclass(frozen=True)
class Way:
    """One way to train: what it is called, how often it is measured, and how."""

    name: str
    rounds: int
    rate: Rate


def pace_of(planned: Planned, setup: Setup, crew: Crew, say: Say) -> dict[str, Any]:
    """How fast one variant trains in every way: JSON.

    `ways`: name -> median images a second with its `spread` and every round's rate; `ratios`: the harness's loop to
    bare steps and to the script in its better layout, median of the rounds with its 95 % interval; `problems`: what
    could not be measured, and why.
    """
    task = stretch_of(planned, steps=FEWEST_STEPS)
    # The first pass of a process loads data and code; the second is what a step takes.
    pace = [crew.images_per_second(setup.split, task) for _ in range(2)][1]
    steps = _steps(planned, pace / setup.split.workers)
    say(f"{planned.variant.name}: training stretches of {steps} steps")
    rates: dict[str, list[float]] = {}
    problems: dict[str, str] = {}
    with ExitStack() as stack:
        ways = list(_ways(stretch_of(planned, steps), setup, crew, stack))
        for number in range(ROUNDS):
            for way in _turned(ways, number):
                if number < way.rounds and way.name not in problems:
                    _measure(way, rates, problems)
    for name, cause in problems.items():
        say(f"{planned.variant.name}: {name} could not be measured: {cause}")
    return {
        "variant": planned.variant.name,
        "steps": steps,
        "training_macs": 3 * planned.macs,
        "precision": task["train"]["precision"],
        "ways": {name: _condensed(taken) for name, taken in rates.items()},
        "ratios": _ratios(rates),
        "problems": problems,
    }


def overall(paces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The `ratios` of several variants in one, each the geometric mean over variants in every round: JSON.

    What one of them lacks is left out.
    """
    names = [name for name in paces[0]["ratios"] if all(name in each["ratios"] for each in paces)]
    return {name: _interval(geometric_mean([_rounds(each, name) for each in paces])) for name in names}


def _rounds(pace: Mapping[str, Any], name: str) -> list[float]:
    """The harness's loop over what `name` is held against, round by round."""
    ways = pace["ways"]
    other = ways[pace["ratios"][name]["to"]]["rounds"]
    # What is measured less often is so in the first rounds.
    return [ours / its for ours, its in zip(ways["harness"]["rounds"], other, strict=False)]


def _steps(planned: Planned, images_per_second: float) -> int:
    """Steps that take a worker about `STRETCH_SECONDS`, no more than there are images for."""
    data, train = planned.variant.data, planned.variant.train
    assert data is not None
    assert train is not None
    whole = DATASETS[data.name].describe(data).train_images // train.batch_size - UNTIMED_BATCHES
    wanted = round(STRETCH_SECONDS * images_per_second / train.batch_size)
    return max(1, min(MOST_STEPS, whole, max(FEWEST_STEPS, wanted)))


def _ways(task: dict[str, Any], setup: Setup, crew: Crew, stack: ExitStack) -> Iterator[Way]:
    def way(name: str, rounds: int, split: Split = setup.split, **changes: Any) -> Way:
        return Way(name, rounds, lambda: crew.images_per_second(split, {**task, **changes}))

    yield way("bare", ROUNDS, way="bare")
    yield way("harness", ROUNDS)
    if setup.script is not None:
        yield from _scripts(task, setup, setup.script, stack)
    other = OTHER_PRECISION[task["train"]["precision"]]
    yield way(f"bare, {other}", OTHER_ROUNDS, way="bare", train={**task["train"], "precision": other})
    yield way("bare, contiguous", OTHER_ROUNDS, way="bare", layout="contiguous")
    yield way("bare, compiled", COMPILED_ROUNDS, way="compiled")
    for split in splits(setup.cores) if setup.device == "cpu" else ():
        if split != setup.split:
            yield way(f"harness, {split}", OTHER_ROUNDS, split)


def _scripts(task: dict[str, Any], setup: Setup, path: Path, stack: ExitStack) -> Iterator[Way]:
    """The script in both layouts, each a process that waits while others are measured."""
    limit = task["data"]["train_limit"] + UNTIMED_BATCHES * task["train"]["batch_size"]
    asked = {
        **task,
        "data": {**task["data"], "train_limit": limit},
        "train": {**task["train"], "precision": "fp32"},
        "device": setup.device,
        "loader_processes": min(setup.cores, MOST_LOADER_PROCESSES),
    }
    log = stack.enter_context((setup.folder / "script.log").open("ab"))
    for layout in ("channels_last", "contiguous"):
        script = Script(path, {**asked, "layout": layout}, setup.folder, log)
        stack.callback(script.close)
        yield Way(f"script, {layout}", SCRIPT_ROUNDS, script.images_per_second)


def _turned(ways: list[Way], number: int) -> list[Way]:
    """The ways, beginning with another one every round."""
    first = number % len(ways)
    return ways[first:] + ways[:first]


def _measure(way: Way, rates: dict[str, list[float]], problems: dict[str, str]) -> None:
    try:
        rate = way.rate()
    except CallFailed as error:
        problems[way.name] = error.cause
        rates.pop(way.name, None)
    else:
        rates.setdefault(way.name, []).append(rate)


def _condensed(rates: list[float]) -> dict[str, Any]:
    return {"images_per_second": median_interval(rates).median, "rounds": rates}


def _ratios(rates: Mapping[str, list[float]]) -> dict[str, Any]:
    """The harness's loop over what it is held against: bare steps, and the script in the layout that suits it."""
    scripts = {name: median_interval(taken).median for name, taken in rates.items() if name.startswith("script")}
    against = {"bare": "bare", **({"script": max(scripts, key=lambda name: scripts[name])} if scripts else {})}
    return {
        # What is measured less often is so in the first rounds.
        name: {"to": other, **_interval(ratio(rates["harness"][: len(rates[other])], rates[other]))}
        for name, other in against.items()
        if "harness" in rates and other in rates
    }


def _interval(found: MedianInterval) -> dict[str, float | None]:
    ends = {"low": found.low, "high": found.high}
    return {"median": found.median, **{name: None if math.isnan(end) else end for name, end in ends.items()}}
