"""The cost phase of a study: whether it is needed, and how its set enters costs.json."""

from pathlib import Path
from typing import Any

from ablate.executors import EXECUTORS
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.measure import metrics_of
from ablate.records import failure_path, log_path, read_json, write_json
from ablate.study.events import CostsFailed, CostsRound, Observer
from ablate.study.plan import Plan

COSTS = "ablate.measure.costs:run"


def lacks_costs(plan: Plan, folder: Path) -> bool:
    """Whether no stored set covers every variant and cost metric that the plan asks for."""
    asked = set(_cost_metrics(plan))
    stored = read_json(folder / "costs.json") or {"sets": []}
    variants = {planned.variant.name: planned.variant.model.as_json() for planned in plan.variants}
    batches = list(plan.study.config.cost.batch_sizes)
    return bool(asked) and not any(_covers(measured, asked, variants, batches) for measured in stored["sets"])


def measure_costs(plan: Plan, folder: Path, execution: Execution, identity: str, observer: Observer) -> None:
    """Measure one set of costs over all variants, and add it to costs.json; a failure is noted and shown."""
    task, log = _task(plan, execution.device), log_path(folder, "costs")
    worker = EXECUTORS["local"](execution)
    try:
        measured = worker.run(
            Call(COSTS, task, log, timeout_seconds=None),
            lambda progress: observer(CostsRound(progress["round"], progress["seconds_left"])),
        )
    except CallFailed as error:
        attempt = {"cause": error.cause, "log": f"logs/{log.name}"}
        write_json(failure_path(folder, "costs"), {"key": "costs", "attempts": [attempt]})
        observer(CostsFailed(error.cause, log))
    else:
        models = {planned.variant.name: planned.variant.model.as_json() for planned in plan.variants}
        _add_set(folder, {"environment": identity, "metrics": task["metrics"], **measured}, models)
        failure_path(folder, "costs").unlink(missing_ok=True)
    finally:
        worker.close()


def _task(plan: Plan, device: str) -> dict[str, Any]:
    """The fields of `ablate.measure.costs.CostTask`."""
    asked = plan.study.config.cost
    return {
        "variants": {planned.variant.name: planned.variant.model.as_task() for planned in plan.variants},
        "metrics": _cost_metrics(plan),
        "batch_sizes": list(asked.batch_sizes),
        "seconds_per_variant": asked.seconds_per_variant,
        "device": device,
    }


def _add_set(folder: Path, measured: dict[str, Any], models: dict[str, Any]) -> None:
    variants = {name: {"model": models[name], **columns} for name, columns in measured["variants"].items()}
    stored = read_json(folder / "costs.json") or {"sets": []}
    write_json(folder / "costs.json", {"sets": [*stored["sets"], {**measured, "variants": variants}]})


def _covers(measured: dict[str, Any], asked: set[str], variants: dict[str, Any], batches: list[int]) -> bool:
    return (
        asked <= set(measured["metrics"])
        and measured["conditions"]["batch_sizes"] == batches
        and all(
            name in measured["variants"] and measured["variants"][name]["model"] == variants[name] for name in variants
        )
    )


def _cost_metrics(plan: Plan) -> list[str]:
    return metrics_of("per_variant", plan.study.config.measure)
