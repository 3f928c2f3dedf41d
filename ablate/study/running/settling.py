"""What a run settles before it trains, written into the results folder once and read back: where and how trials run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from ablate import environment
from ablate.errors import ResultsError
from ablate.executors.contract import Execution
from ablate.ledger import Agreement
from ablate.locks import held
from ablate.records import (
    Record,
    digest,
    load_record,
    read_json,
    record_path,
    set_aside,
    stored_environments,
    stored_executions,
    write_json,
)
from ablate.study.planning.plan import Plan, check_unchanged, without
from ablate.study.planning.searched import identity
from ablate.study.running.events import Observer, RecordSetAside
from ablate.train import TRAINING_VERSION

Worth = Callable[[str], int]
"""How many workers a GPU is worth."""


def alone_on_it(device: str) -> int:
    """One trial at a time."""
    return 1


def write_plan(plan: Plan, folder: Path) -> None:
    """Have plan.json say `plan`; raises `ResultsError` when another run has planned something else meanwhile."""
    if read_json(folder / "plan.json") == plan.as_json():
        return
    with held(lock_path(folder)):
        check_unchanged(plan, folder)
        write_json(folder / "plan.json", plan.as_json())


def lock_path(folder: Path) -> Path:
    """What a run locks while it changes the files that all runs of `folder` share."""
    return folder / "study.lock"


def set_damaged_aside(plan: Plan, folder: Path, observer: Observer) -> None:
    """Move records that cannot be read out of the way, so that their trials run again; each is told."""
    for key, (planned, seed) in plan.trials.items():
        usable_record(folder, key, planned.variant.name, seed, observer)


def usable_record(folder: Path, key: str, variant: str, seed: int, observer: Observer) -> Record | None:
    """The record of the trial `key`, known as `seed` of `variant`; one that cannot be read is moved out of the way."""
    if not record_path(folder, key).exists():
        return None
    try:
        return load_record(folder, key)
    except ResultsError:
        return _usable_after_all(folder, key, variant, seed, observer)


def _usable_after_all(folder: Path, key: str, variant: str, seed: int, observer: Observer) -> Record | None:
    with held(lock_path(folder)):
        try:
            return load_record(folder, key)  # another run may have written it anew
        except ResultsError as error:
            observer(RecordSetAside(variant, seed, str(error), set_aside(folder, key)))
    return None


@dataclass(frozen=True)
class Environments:
    """environment.json of `folder`: `own` describes this machine, as environment.py does, with its data's digests."""

    folder: Path
    own: dict[str, Any]

    def note(self, machine: Mapping[str, Any] | None = None) -> str:
        """Add this machine, or another that differs from it as `machine` says, and give its id."""
        described = {**self.own, **(machine or {})}
        lasting = {name: value for name, value in described.items() if name not in environment.VOLATILE}
        identity = digest(lasting)[:12]
        path = self.folder / "environment.json"
        with held(lock_path(self.folder)):
            write_json(path, {identity: described, **stored_environments(self.folder)})
        return identity

    @property
    def machine(self) -> str:
        """The id of what moves numbers on this machine."""
        return digest(self.own["machine"])[:12]


def settle_execution(
    plan: Plan, folder: Path, machine: str, devices: tuple[str, ...], workers: int | None, worth: Worth = alone_on_it
) -> Execution:
    """How trials run on this machine: as the first run here settled it, but for the number of workers if asked.

    `worth` says how many workers a GPU is to have where nobody has asked for a number.
    """
    device = ",".join(devices)
    execution = _settled_before(stored_executions(folder), machine, device)
    if execution is None:  # what GPUs are worth takes minutes to find, in which other runs need the lock
        execution = _first_settled(_new_execution(plan, devices, workers, worth), folder, machine)
    return execution if workers is None else replace(execution, workers=workers)


def _settled_before(stored: Mapping[str, Any], machine: str, device: str) -> Execution | None:
    """Of this machine, on these devices."""
    known = [Execution(**stored[name]) for name in (machine, f"{machine} on {device}") if name in stored]
    return next((execution for execution in known if execution.device == device), None)


def _first_settled(execution: Execution, folder: Path, machine: str) -> Execution:
    """`execution`, or what another run has settled meanwhile."""
    with held(lock_path(folder)):
        stored = stored_executions(folder)
        known = _settled_before(stored, machine, execution.device)
        if known is not None:
            return known
        name = machine if machine not in stored else f"{machine} on {execution.device}"
        write_json(folder / "execution.json", {**stored, name: asdict(execution)})
    return execution


def _new_execution(plan: Plan, devices: tuple[str, ...], workers: int | None, worth: Worth) -> Execution:
    """CPU: a worker a core, or a trial if these are fewer, and the cores shared out. CUDA: what a device is worth."""
    cores = environment.cores()
    if workers is not None:
        count = workers
    elif devices == ("cpu",):
        count = max(1, min(cores, plan.most_trials))
    else:
        count = len(devices) * (worth(devices[0]) if plan.trials else 1)
    return Execution(device=",".join(devices), workers=count, threads=max(1, cores // count))


def agreement_of(plan: Plan, torch_version: str) -> Agreement:
    """What another host must share with this one to run `plan` with it."""
    stored = next(each for each in plan.as_json()["variants"] if each["variant"] == plan.baseline)
    tune, search = plan.study.config.tune, plan.study.config.search
    # What tuning settles is not there yet for the host that comes first; how it is found is agreed on instead.
    beyond = {"data.digest", "train.precision", *(tune.fields if tune else ())}
    base = {
        **{section: without(stored[section], section, beyond) for section in ("model", "data", "train")},
        "version": {"training": TRAINING_VERSION},
        **({"tune": tune.model_dump(mode="json")} if tune else {}),
        # Its identity holds what else makes it, such as its levels: another search would find another front.
        **({"search": {**search.model_dump(mode="json"), "identity": identity(plan.study)}} if search else {}),
    }
    host = {
        "data_digest": plan.data_digests,
        "train": {"precision": stored["train"]["precision"]},
        "torch": {"version": _minor(torch_version)},
        # What is tried next is its proposal, and another version may propose otherwise.
        **({"optuna": {"version": _minor(metadata.version("optuna"))}} if tune or search else {}),
    }
    return Agreement(base, digest(base), host)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
