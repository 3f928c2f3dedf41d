"""This machine's ceilings, and how far below them each variant of a study stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ablate import environment
from ablate.cost_sets import CostGroup, cost_groups
from ablate.errors import DeviceError
from ablate.executors.contract import CallFailed, Execution
from ablate.measure.roofline import Roof
from ablate.measure.series import suffix
from ablate.models.spec import NetworkSpec
from ablate.records import stored_costs, stored_environments
from ablate.study.machine import Say, asking, ceilings_of, placed, roof_of
from ablate.study.planning.variants import variants_of
from ablate.study.reading.load import load_study
from ablate.study.reading.probe import release
from ablate.study.running.cost_rounds import Asked, take_rounds

WORK = "ablate.models.traffic:run"
LATENCY_SECONDS = 2.0  # a variant, where its latency has to be measured first


@dataclass(frozen=True)
class Latencies:
    """Variant and batch size -> median milliseconds, None where it could not be measured."""

    source: Literal["costs.json", "measured now"]
    milliseconds: Mapping[tuple[str, int], float | None]


@dataclass(frozen=True)
class Subject:
    """What of a study is placed: its networks by variant, at `batch_sizes`, on as many threads as its costs."""

    name: str
    source: Path
    models: Mapping[str, NetworkSpec]
    batch_sizes: tuple[int, ...]
    threads: int


def place(path: Path | None, overrides: Sequence[str], results: Path, device: str, say: Say) -> dict[str, Any]:
    """Measure the ceilings of `device`, and place every variant of the study file at `path` below them: JSON.

    `name` is what the document may be stored as; `ceilings` as ablate/measure/ceilings.py gives them; `rows` one a
    variant and batch size; `latency` says where the times come from, and is None without a study. `say` is told what is
    done. Raises `AblateError` for a study or device that cannot be, or a network that fails.
    """
    subject = None if path is None else _subject(path, overrides)
    release()
    described = environment.describe(device, Path("bench") if subject is None else subject.source, results)
    name = _machine_name(described["machine"]) if subject is None else subject.name
    log = results / "bench" / "logs" / f"{name}.log"
    threads = environment.cores() if subject is None else subject.threads
    with asking(device, threads, log, say) as ask:
        ceilings = ceilings_of(device, ask, say)
        document: dict[str, Any] = {
            "name": name,
            "study": None,
            "device": device,
            "environment": described,
            "ceilings": ceilings,
            "latency": None,
            "rows": [],
        }
        if subject is None:
            return document
        work = ask(WORK, {"variants": _tasks(subject), "batch_sizes": list(subject.batch_sizes)})
        stored = _stored(subject, results, described["machine"], ceilings)
        latencies = stored or _measured(subject, device, log, say)
        rows = rows_of(work, latencies, roof_of(ceilings))
        return document | {"study": subject.name, "latency": latencies.source, "rows": rows}


def rows_of(work: Mapping[str, Mapping[str, Any]], latencies: Latencies, roof: Roof) -> list[dict[str, Any]]:
    """One row a variant and batch size: its work, its time, and where that stands under `roof`."""
    return [
        {
            "variant": variant,
            "batch": int(batch),
            "latency_ms_p50": latencies.milliseconds[variant, int(batch)],
            **placed(moved, latencies.milliseconds[variant, int(batch)], roof),
        }
        for variant, by_batch in work.items()
        for batch, moved in by_batch.items()
    ]


def _subject(path: Path, overrides: Sequence[str]) -> Subject:
    study = load_study(path, overrides)
    models = {variant.name: variant.model for variant in variants_of(study)}
    cost = study.config.cost
    return Subject(study.config.name, study.source, models, cost.batch_sizes, cost.threads)


def _tasks(subject: Subject) -> dict[str, Any]:
    return {variant: model.as_task() for variant, model in subject.models.items()}


def _stored(
    subject: Subject, results: Path, machine: Mapping[str, Any], ceilings: Mapping[str, Any]
) -> Latencies | None:
    """What the study's costs.json says, if this machine measured it as it measured its ceilings."""
    folder = results / subject.name
    models = {variant: model.as_json() for variant, model in subject.models.items()}
    groups = cost_groups(stored_costs(folder), stored_environments(folder), models)
    wanted = {"device": ceilings["device"], "threads": ceilings["threads"], "dtype": "float32"}
    for group in reversed(groups):
        alike = wanted.items() <= dict(group.conditions).items() and dict(group.machine) == dict(machine)
        if alike and _has_all(group, subject.batch_sizes):
            return _by_batch("costs.json", subject, {name: costs.columns for name, costs in group.variants.items()})
    return None


def _has_all(group: CostGroup, batch_sizes: Sequence[int]) -> bool:
    return all(_column(batch) in costs.columns for costs in group.variants.values() for batch in batch_sizes)


def _column(batch: int) -> str:
    """The column of the costs that holds the median latency."""
    return f"latency_ms_p50{suffix(batch, 'eager')}"


def _measured(subject: Subject, device: str, log: Path, say: Say) -> Latencies:
    """Latency of every variant, in rounds as the cost phase takes them, though in less time."""
    say(f"measuring the latency of {len(subject.models)} variants: no costs.json of {subject.name} has it from here")
    task = {
        "variants": _tasks(subject),
        "metrics": ["latency"],
        "batch_sizes": list(subject.batch_sizes),
        "modes": ["eager"],
        "device": device,
    }
    asked = Asked(task, LATENCY_SECONDS * len(subject.models))
    execution = Execution(device=device, workers=1, threads=subject.threads)
    try:
        taken = take_rounds(asked, execution, log, lambda event: None)
    except CallFailed as error:
        raise DeviceError(f"--device {device}: latency could not be measured ({error.cause})") from error
    for problem in taken.problems:
        say(f"{problem['variant']}: {problem['column']} could not be measured: {problem['cause']}")
    return _by_batch("measured now", subject, taken.columns)


def _by_batch(
    source: Literal["costs.json", "measured now"], subject: Subject, columns: Mapping[str, Mapping[str, float]]
) -> Latencies:
    keys = [(variant, batch) for variant in subject.models for batch in subject.batch_sizes]
    found = {(name, batch): columns[name][_column(batch)] for name, batch in keys if _column(batch) in columns[name]}
    return Latencies(source, {**dict.fromkeys(keys), **found})


def _machine_name(machine: Mapping[str, Any]) -> str:
    """A file name for this machine: its accelerator, else its processor and cores."""
    gpu = machine["gpu"]
    words = f"{machine['cpu']} {machine['cores']} cores" if gpu is None else gpu.splitlines()[0].partition(",")[0]
    return re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").lower()
