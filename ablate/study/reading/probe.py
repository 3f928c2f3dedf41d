"""The user's network code, asked in a process of its own: it may raise, hang, print or exit without harm."""

import atexit
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ablate.environment import cores
from ablate.errors import ModelError, SourceChanged
from ablate.executors import LocalWorker
from ablate.executors.contract import Call, CallFailed, Execution, Worker
from ablate.models.spec import FROM_DATA, BuilderSpec

WATCHED = "ablate.models.builders:watched"
SIGNATURE = "ablate.models.builders:signature"
SURVEY = "ablate.models.survey:run"
DESCRIBE = "ablate.models.describe:run"

CHANGED = "SourceChanged: "  # how a worker says that

# Where neither the data nor the study says what images are like: those of ImageNet, of whatever classes.
ASSUMED_SHAPE = {"num_classes": None, "input_size": 224, "in_channels": 3}

# What importing a module, with its first network, and what every later network may take to be built and run.
SECONDS_TO_IMPORT = 120.0
SECONDS_A_NETWORK = 60.0
# How long before its end a process says where it stands.
SECONDS_TO_SAY = 0.5


@dataclass(frozen=True)
class Signature:
    """What can be set of a builder: the digest of its source, its keyword arguments (see models/builders.py), and
    whether it takes any other keyword."""

    digest: str
    parameters: tuple[dict[str, Any], ...]
    open: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(parameter["name"] for parameter in self.parameters)


@lru_cache(maxsize=64)
def signature_of(builder: str, folder: Path) -> Signature:
    """The signature of `builder`, a path in it seen from `folder`; raises `ModelError` where it cannot be had."""
    answer = _ask(SIGNATURE, {"builder": builder, "folder": str(folder.resolve())}, SECONDS_TO_IMPORT, builder)
    return Signature(answer["digest"], tuple(answer["parameters"]), answer["open"])


def builder_spec(builder: str, stated: Mapping[str, Any], shape: Mapping[str, int], folder: Path) -> BuilderSpec:
    """The spec of a call of `builder` with what is `stated`; `shape` holds those of FROM_DATA that are known.

    A stated shape is an argument only where the function does not name it but takes any keyword: what it names it gets
    from the spec. Raises `ModelError`.
    """
    signature = signature_of(builder, folder)
    kept = [name for name in FROM_DATA if signature.open and name not in signature.names]
    arguments = {name: value for name, value in stated.items() if name not in FROM_DATA or name in kept}
    place = str(folder.resolve())
    known: dict[str, Any] = {**ASSUMED_SHAPE, **shape}
    return BuilderSpec(builder=builder, digest=signature.digest, arguments=arguments, folder=place, **known)


def survey_networks(specs: Sequence[BuilderSpec], quantities: Sequence[str] | None) -> list[dict[str, Any]]:
    """The surveys (see models/survey.py) of the networks `specs`, up to the first that fails.

    That one has `mistake` instead of counts. Each has its own time to be built and run. Raises `SourceChanged`.
    """
    surveys: list[dict[str, Any]] = []
    for spec in specs:
        seconds = SECONDS_A_NETWORK if surveys else SECONDS_TO_IMPORT
        surveys.append(_survey(spec, quantities, seconds))
        if "mistake" in surveys[-1]:
            break
    return surveys


def describe_network(spec: BuilderSpec) -> dict[str, Any]:
    """What `ablate show` prints of `spec`."""
    return _ask(DESCRIBE, {"spec": spec.as_task()}, SECONDS_TO_IMPORT, spec.builder)


def forget() -> None:
    """Read every builder anew when it is asked for next: its source may have been edited since."""
    release()
    signature_of.cache_clear()


def release() -> None:
    """End the process that was asked; the next question starts another."""
    if _worker.cache_info().currsize:
        _worker().close()
        _worker.cache_clear()


def _survey(spec: BuilderSpec, quantities: Sequence[str] | None, seconds: float) -> dict[str, Any]:
    task = {"specs": [spec.as_task()], "quantities": quantities}
    try:
        survey: dict[str, Any] = _ask(SURVEY, task, seconds, spec.builder)["surveys"][0]
    except SourceChanged:
        raise
    except ModelError as error:
        return {"mistake": str(error)}
    return survey


@lru_cache(maxsize=1)
def _worker() -> Worker:
    """One process for all questions, since importing torch takes seconds; it ends with this one at the latest."""
    atexit.register(release)
    return LocalWorker(Execution(device="cpu", workers=1, threads=cores()))


def _ask(function: str, task: dict[str, Any], seconds: float, builder: str) -> dict[str, Any]:
    watched = {"function": function, "task": task, "seconds": max(seconds - SECONDS_TO_SAY, seconds / 2)}
    said: dict[str, Any] = {"at": ""}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return _worker().run(Call(WATCHED, watched, Path(scratch, "log"), seconds), said.update)
        except CallFailed as error:
            if error.cause.startswith(CHANGED):
                raise SourceChanged(error.cause.removeprefix(CHANGED)) from error
            raise ModelError(_sentence(builder, error.cause, seconds, said["at"])) from error


def _sentence(builder: str, cause: str, seconds: float, place: str) -> str:
    """What went wrong, in one line; `place` is where the process was when its time was up, if it could say so."""
    if cause.startswith("ModelError: "):
        return cause.removeprefix("ModelError: ")
    if cause.startswith("took longer"):
        stood = f"was still at {place}" if place else "had no answer"
        return f"builder {builder}: {stood} after {seconds:g} seconds; its import and its network have to end"
    return f"builder {builder}: {cause} while it was imported or built"
