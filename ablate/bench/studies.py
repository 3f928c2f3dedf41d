"""Whole studies, run from nothing with one worker and with as many as a study takes, in turns."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.analysis.ratios import ratio
from ablate.data import DATASETS
from ablate.study.machine import Say
from ablate.study.planning.plan import Plan
from ablate.study.reading.load import load_study
from ablate.study.run import run
from ablate.study.running.crew import SCORE, Crew, Split
from ablate.study.running.options import Options

ROUNDS = 3
TRIAL_SECONDS = 15.0
TRIALS = 12  # about as many, in whole seeds
MEASURED = "measure=[accuracy, test_loss]"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A study file with what is set on top of it, on `device`, whose workers share the cores as in `split`."""

    path: Path
    overrides: tuple[str, ...]
    device: str
    split: Split


def studies_of(plan: Plan, asked: Asked, paces: Sequence[dict[str, Any]], crew: Crew, say: Say) -> dict[str, Any]:
    """Wall times of a study cut short to trials of about `TRIAL_SECONDS`: JSON.

    `runs`: one a whole study, with its `workers`, `wall_seconds` from the first to the last line of `ablate run`, what
    of that one worker spent on training and on scoring the test split, and the share that is left, `overhead_share`.
    `ratio`: the throughput of several workers over that of one with all threads, median of the rounds.
    """
    step_seconds = [_step_seconds(plan, pace, asked.split) for pace in paces]
    steps = max(1, round(TRIAL_SECONDS / (sum(step_seconds) / len(step_seconds))))
    seeds = max(2, round(TRIALS / len(plan.variants)))
    cut = (MEASURED, f"seeds={seeds}", "train.epochs=null", f"train.steps={steps}", "train.schedule=constant")
    scoring = {count: _scoring_seconds(plan, asked, split, crew) for count, split in _splits(asked).items()}
    runs: list[dict[str, Any]] = []
    for number in range(ROUNDS):
        for count in sorted(scoring, reverse=number % 2 == 1):
            say(f"a whole study of {seeds * len(plan.variants)} trials with {count} workers")
            runs.append(_timed(asked, cut, count) | {"workers": count, "scoring_seconds": scoring[count]})
    return {"steps": steps, "seeds": seeds, "runs": [_with_overhead(each) for each in runs], "ratio": _ratio(runs)}


def _splits(asked: Asked) -> dict[int, Split]:
    whole = Split(1, asked.split.workers * asked.split.threads)
    return {split.workers: split for split in (whole, asked.split)}


def _step_seconds(plan: Plan, pace: dict[str, Any], split: Split) -> float:
    train = plan.variants[0].variant.train
    assert train is not None
    return float(split.workers * train.batch_size / pace["ways"]["harness"]["images_per_second"])


def _scoring_seconds(plan: Plan, asked: Asked, split: Split, crew: Crew) -> float:
    """How long a worker scores the test split, as a mean over the variants, while the others do the same."""
    taken = []
    for planned in plan.variants:
        variant = planned.variant
        assert variant.data is not None
        assert variant.train is not None
        task = {
            "model": variant.model.as_task(),
            "data": variant.data.model_dump(mode="json"),
            "train": variant.train.model_dump(mode="json"),
            "seed": 0,
        }
        # The first pass loads the data.
        paces = [crew.images_per_second(split, task, SCORE) for _ in range(2)]
        images = DATASETS[variant.data.name].describe(variant.data).test_images
        taken.append(split.workers * images / paces[1])
    return sum(taken) / len(taken)


def _timed(asked: Asked, cut: tuple[str, ...], workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ablate-bench-") as scratch:
        options = Options(results=Path(scratch), workers=workers, device=asked.device)
        study = load_study(asked.path, (*asked.overrides, *cut))
        started = time.perf_counter()
        outcome = run(study, options=options)
        wall = time.perf_counter() - started
        trials = outcome.results.trials
    return {"wall_seconds": wall, "trials": len(trials), "training_seconds": float(trials["train_seconds"].sum())}


def _with_overhead(each: dict[str, Any]) -> dict[str, Any]:
    busy = (each["training_seconds"] + each["trials"] * each["scoring_seconds"]) / each["workers"]
    return {**each, "overhead_share": 1 - busy / each["wall_seconds"]}


def _ratio(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Trials an hour with several workers over those with one."""
    by_count: dict[int, list[float]] = {}
    for each in runs:
        by_count.setdefault(each["workers"], []).append(each["trials"] / each["wall_seconds"])
    one, several = by_count[min(by_count)], by_count[max(by_count)]
    return {"median": ratio(several, one).median, "rounds": [a / b for a, b in zip(several, one, strict=True)]}
