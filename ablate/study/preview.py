"""What `ablate plan` says: variants, counts, what is done and left, what the seeds can show. Nothing is trained or
written."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from ablate.records import finished_keys, load_record
from ablate.study.planning.plan import Plan, Planned, check_unchanged
from ablate.study.planning.planner import plan_study
from ablate.study.planning.power import power_of_plan
from ablate.study.reading.levels import Factor
from ablate.study.reading.load import load_study
from ablate.study.running.seeds import grown, settle
from ablate.study.running.tuning_phase import awaiting


def preview(study: Path | str, overrides: Sequence[str], results: Path, device: str) -> dict[str, Any]:
    """What running the study file `study` would do, given what its folder under `results` holds.

    JSON: `trials` planned, `done`, what comes `first` (see `_first`), and a row a variant; `seconds_left` is None until
    some trial has finished; `seeds` and `power` as `_seeds` and `power_of_plan` have it. Raises `AblateError` for a
    study that cannot be run there.
    """
    loaded = load_study(study, overrides)
    folder = results / loaded.config.name
    plan = plan_study(loaded, folder, device)
    check_unchanged(plan, folder)
    plan = grown(plan, folder)
    finished = finished_keys(folder)
    keys = plan.trials
    return {
        "study": plan.study.config.name,
        "trials": len(keys),
        "done": sum(key in finished for key in keys),
        "first": _first(plan),
        "seconds_left": _seconds_left(plan, folder, finished),
        "seeds": _seeds(plan, folder),
        "power": power_of_plan(plan, folder),
        "variants": [_row(plan, planned) for planned in plan.variants],
    }


def _first(plan: Plan) -> dict[str, Any] | None:
    """The `phase` that comes before training, `tuning` or `search`, and how many `trials` it has; None without one.

    A search has not found its variants by then, so that the baseline stands alone.
    """
    if plan.is_searching:
        assert plan.study.config.search is not None
        return {"phase": "search", "trials": plan.study.config.search.trials}
    arms = {planned.variant.awaits for planned in awaiting(plan)}
    if not arms or plan.study.config.tune is None:
        return None
    return {"phase": "tuning", "trials": len(arms) * plan.study.config.tune.trials}


def _seeds(plan: Plan, folder: Path) -> dict[str, Any]:
    """How many seeds a variant are planned by now and `at_most`; the rest is None where they are not added in blocks.

    `until` is half the width asked of every 95 % interval, `half_width` what the widest has over the first `judged`
    seeds, both in the unit of `metric`; `outlook` is as in `SeedsSettled`.
    """
    settled = settle(plan, folder)
    if settled is None:
        nothing = dict.fromkeys(("metric", "until", "outlook", "judged", "half_width"))
        return {"planned": len(plan.seeds), "at_most": len(plan.seeds), **nothing}
    missing = math.isnan(settled.half_width)
    return {**asdict(settled), "half_width": None if missing else settled.half_width}


def _row(plan: Plan, planned: Planned) -> dict[str, Any]:
    levels = {
        factor.column: _value(factor, planned.variant.levels[factor.path_or_name]) for factor in plan.study.factors
    }
    return {"variant": planned.variant.name, **levels, "params": planned.params, "macs": planned.macs}


def _value(factor: Factor, name: str) -> str | float:
    """The level called `name` as the study file has it where that is a word or a number, else its name."""
    value = next(level.value for level in factor.levels if level.name == name)
    return value if isinstance(value, str | float | int) else name


def _seconds_left(plan: Plan, folder: Path, finished: set[str]) -> float | None:
    """Training seconds on one worker of the trials that are left, at the pace of those that are done.

    A variant's own mean where it has finished trials; else the mean pace per multiply-add of the others, or their mean
    where there are no multiply-adds to go by.
    """
    own: dict[str, float] = {}
    paces: list[float] = []
    for planned in plan.variants:
        taken = [_train_seconds(folder, key) for key in planned.keys.values() if key in finished]
        if taken:
            own[planned.variant.name] = fmean(taken)
        if taken and planned.macs:
            paces.append(own[planned.variant.name] / _macs_of_training(planned))
    if not own:
        return None
    left = [planned for key, (planned, _) in plan.trials.items() if key not in finished]
    return sum(own.get(planned.variant.name, _guessed(planned, paces, list(own.values()))) for planned in left)


def _guessed(planned: Planned, paces: Sequence[float], seconds: Sequence[float]) -> float:
    return fmean(paces) * _macs_of_training(planned) if planned.macs and paces else fmean(seconds)


def _macs_of_training(planned: Planned) -> int:
    """Multiply-adds that its seconds are proportional to."""
    return planned.macs * planned.variant.steps


def _train_seconds(folder: Path, key: str) -> float:
    record = load_record(folder, key)
    return 0.0 if record is None else record.metrics["train_seconds"] or 0.0
