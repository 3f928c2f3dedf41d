"""This machine, asked in a process of its own while nothing else trains on it: its ceilings, and what it has to say."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ablate.errors import DeviceError, ModelError
from ablate.executors import LocalWorker
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.measure.roofline import Roof, place
from ablate.occupancy import alone, once

CEILINGS = "ablate.measure.ceilings:run"
CEILING_SECONDS = 3.0

Say = Callable[[str], None]
Ask = Callable[[str, dict[str, Any]], dict[str, Any]]


@contextmanager
def asking(device: str, threads: int, log: Path, say: Say) -> Iterator[Ask]:
    """Hold `device` alone, with a process of `threads` threads that gives the result of a function by its dotted path.

    `say` is told when there is something to wait for. Asking raises `ModelError` for a network that fails,
    `DeviceError` for whatever else does.
    """

    def ask(function: str, task: dict[str, Any]) -> dict[str, Any]:
        try:
            return worker.run(Call(function, task, log, timeout_seconds=None), lambda progress: None)
        except CallFailed as error:
            raise _mistake(error.cause, device) from error

    with alone(device, once(lambda: say(f"waiting until nothing else trains on {device}"))):
        worker = LocalWorker(Execution(device=device, workers=1, threads=threads))
        try:
            yield ask
        finally:
            worker.close()


def ceilings_of(device: str, ask: Ask, say: Say) -> dict[str, Any]:
    """What ablate/measure/ceilings.py says of `device`."""
    say(f"measuring how fast {device} computes and copies")
    return ask(CEILINGS, {"device": device, "seconds": CEILING_SECONDS})


def roof_of(ceilings: Mapping[str, Any]) -> Roof:
    """The roof over an fp32 pass."""
    products = ceilings["products"][ceilings["passes_compute_in"]]
    return Roof(products["gflops"], ceilings["copy"]["gb_per_second"])


def placed(work: Mapping[str, Any], milliseconds: float | None, roof: Roof) -> dict[str, Any]:
    """`macs`, `flops` and `bytes_moved` of `work`, and where `place` puts it; a time of None was not measured."""
    flops, bytes_moved = 2 * work["macs"], work["bytes_moved"]
    seconds = 0.0 if milliseconds is None else milliseconds / 1e3
    return {"macs": work["macs"], "flops": flops, "bytes_moved": bytes_moved} | place(flops, bytes_moved, seconds, roof)


def _mistake(cause: str, device: str) -> ModelError | DeviceError:
    if cause.startswith("ModelError: "):
        return ModelError(cause.removeprefix("ModelError: "))
    return DeviceError(f"--device {device}: could not be measured ({cause})")
