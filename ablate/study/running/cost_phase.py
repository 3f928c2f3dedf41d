"""The cost phase of a study: what of it is needed, and how a set of costs enters costs.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ablate import environment
from ablate.cost_sets import PROCESSES, CostGroup, cost_groups
from ablate.executors.contract import CallFailed, Execution
from ablate.locks import held
from ablate.measure import cost_metrics
from ablate.occupancy import alone, once
from ablate.records import failure_path, log_path, stored_costs, stored_environments, write_json
from ablate.study.planning.plan import Plan
from ablate.study.running.cost_rounds import Asked, Taken, spread, take_rounds, timed_columns
from ablate.study.running.events import CostsFailed, CostsWait, Observer
from ablate.study.running.settling import lock_path

# Raised when the same network would be measured differently: sets of two protocols never stand in one table.
PROTOCOL = 2


def lacks_costs(plan: Plan, folder: Path) -> bool:
    """Whether no machine has measured all that the plan asks for."""
    asked = set(cost_metrics(plan.study.config.measure))
    return not any(asked <= group.metrics for group in _groups(plan, folder)) if asked else False


def measure_costs(plan: Plan, folder: Path, execution: Execution, identity: str, observer: Observer) -> None:
    """Measure what this machine has not measured yet, all variants together, and add it to costs.json as a set.

    Waits until no trial runs on the device. A failure is noted and shown.
    """
    log = log_path(folder, "costs")
    try:
        with alone(execution.device, once(lambda: observer(CostsWait(execution.device)))):
            if lacks_costs(plan, folder):  # another process may have measured them meanwhile
                _add_set(folder, _measured_set(plan, folder, execution, identity, observer))
    except CallFailed as error:
        attempt = {"cause": error.cause, "log": f"logs/{log.name}"}
        write_json(failure_path(folder, "costs"), {"key": "costs", "attempts": [attempt]})
        observer(CostsFailed(error.cause, log))
    else:
        failure_path(folder, "costs").unlink(missing_ok=True)


def _measured_set(plan: Plan, folder: Path, execution: Execution, identity: str, observer: Observer) -> dict[str, Any]:
    conditions = _conditions(plan, execution)
    asked = _asked(plan, conditions, _missing(plan, folder, conditions, identity))
    before = environment.load()
    taken = take_rounds(asked, execution, log_path(folder, "costs"), observer)
    observed = {
        "rounds": len(taken.samples),
        "processes": min(PROCESSES, len(taken.samples)),
        "seconds": round(taken.seconds, 1),
        "load_before": before,
        "load_after": environment.load(),
        "energy": environment.energy_source(execution.device),
    }
    models = {planned.variant.name: planned.variant.model.as_json() for planned in plan.variants}
    return {
        "environment": identity,
        "metrics": asked.task["metrics"],
        "conditions": conditions,
        "observed": observed,
        "variants": {name: {"model": models[name], **_measured(taken, name)} for name in models},
    }


def _groups(plan: Plan, folder: Path) -> list[CostGroup]:
    """What machines have measured of the plan's networks, under conditions that it asks for."""
    models = {planned.variant.name: planned.variant.model.as_json() for planned in plan.variants}
    cost = plan.study.config.cost
    wanted = {"protocol": PROTOCOL, "threads": cost.threads, **_setting(plan)}
    return [
        group
        for group in cost_groups(stored_costs(folder), stored_environments(folder), models)
        if wanted.items() <= dict(group.conditions).items()
    ]


def _missing(plan: Plan, folder: Path, conditions: Mapping[str, Any], identity: str) -> list[str]:
    """The metrics that this machine has not measured under `conditions`."""
    machine = stored_environments(folder)[identity]["machine"]
    known: set[str] = set()
    for group in _groups(plan, folder):
        if group.machine == machine and group.conditions == conditions:
            known |= group.metrics
    return [metric for metric in cost_metrics(plan.study.config.measure) if metric not in known]


def _setting(plan: Plan) -> dict[str, Any]:
    cost = plan.study.config.cost
    return {"batch_sizes": list(cost.batch_sizes), "modes": list(cost.modes)}


def _conditions(plan: Plan, execution: Execution) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "device": execution.device,
        "threads": execution.threads,
        **_setting(plan),
        "dtype": "float32",
        "layout": "channels_last",
    }


def _asked(plan: Plan, conditions: Mapping[str, Any], metrics: list[str]) -> Asked:
    setting = {name: conditions[name] for name in ("batch_sizes", "modes", "device")}
    variants = {planned.variant.name: planned.variant.model.as_task() for planned in plan.variants}
    seconds = plan.study.config.cost.seconds_per_variant * len(variants)
    return Asked({**setting, "variants": variants, "metrics": metrics}, seconds)


def _measured(taken: Taken, name: str) -> dict[str, Any]:
    """One variant's part of the set: columns, and of what is timed the rounds, samples and spread."""
    timed = [column for variant, column in timed_columns(taken) if variant == name and len(taken.samples) > 1]
    samples = {column: np.concatenate(taken.of(name, column)) for column in timed}
    return {
        "columns": taken.columns[name],
        "rounds": {column: [_median(round_) for round_ in taken.of(name, column)] for column in timed},
        "samples": {column: len(samples[column]) for column in timed},
        "spread": {column: spread(samples[column]) for column in timed},
        "problems": _problems(taken, name),
        "uncounted": taken.uncounted[name],
    }


def _problems(taken: Taken, name: str) -> dict[str, str]:
    """Metric -> what kept it from having all its columns."""
    own = [problem for problem in taken.problems if problem["variant"] == name]
    return {
        metric: "; ".join(f"{each['column']}: {each['cause']}" for each in own if each["metric"] == metric)
        for metric in dict.fromkeys(problem["metric"] for problem in own)
    }


def _median(samples: list[float]) -> float | None:
    return float(np.median(samples)) if samples else None


def _add_set(folder: Path, measured: dict[str, Any]) -> None:
    with held(lock_path(folder)):
        stored = stored_costs(folder) or {"sets": []}
        write_json(folder / "costs.json", {"sets": [*stored["sets"], measured]})
