"""What a task does on its node: one call in an `ablate.executors.worker` process, as a local worker would have it done.

The process outlives its task for some seconds, so that imports and data are paid once while trials come in a row, and
is not found on a GPU that Ray has given to somebody else meanwhile.
"""

import os
import platform
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from ablate import environment
from ablate.executors.contract import Call, CallFailed, Execution
from ablate.executors.local import LocalWorker
from ablate.train import TRAINING_VERSION

IDLE_SECONDS = 10.0
MOST_NEWS = 2**20  # bytes of a log that are carried at once
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Said = dict[str, Any]


def identity() -> str:
    """What tells one machine, or one container, from another."""
    boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else str(uuid.getnode())
    return f"{platform.node()} {boot}"


def versions() -> dict[str, str]:
    """What has to be the same wherever trials of one study run: minor versions, and that of the training itself."""
    releases = {name: ".".join(metadata.version(name).split(".")[:2]) for name in ("ablate", "torch")}
    return {**releases, "TRAINING_VERSION": str(TRAINING_VERSION)}


def serve(order: Said) -> Iterator[Said]:
    """What the call of `order` says: `progress` any number of times, then `result` or `cause`.

    Each has, as `log`, what was printed since the one before; a result has `machine` too, which is None where the
    order came from this machine. A node that cannot take it says `unfit` alone.
    """
    misfit = _misfit(order["versions"])
    if misfit is not None:
        yield {"unfit": misfit}
        return
    with suppress(OSError):  # where that folder is, relative paths mean what they mean there
        os.chdir(order["folder"])
    with tempfile.NamedTemporaryFile(prefix="ablate-", suffix=".log") as log:
        for said in _said(order, Path(log.name)):
            yield {**said, "log": _news(log)}


def _misfit(wanted: Mapping[str, str]) -> str | None:
    """Why trials cannot run here, if so."""
    try:
        here = versions()
    except metadata.PackageNotFoundError as error:
        return f"{error.name} is not installed there; install the same version as here"
    differing = [f"{name} {here[name]} rather than {wanted[name]}" for name in wanted if here[name] != wanted[name]]
    return f"it has {' and '.join(differing)}; install the same versions as here" if differing else None


def _said(order: Said, log: Path) -> Iterator[Said]:
    heard: SimpleQueue[Said | None] = SimpleQueue()
    checkpoint = _own_checkpoint(order["task"])
    task = order["task"] if checkpoint is None else {**order["task"], "checkpoint": str(checkpoint)}
    call = Call(order["function"], task, log, order["timeout_seconds"], order["silence_seconds"])
    with _borrowed(order["cpus"]) as worker, ThreadPoolExecutor(1) as thread:
        running = thread.submit(worker.run, call, lambda progress: heard.put({"progress": progress}))
        running.add_done_callback(lambda _: heard.put(None))
        yield from iter(heard.get, None)
        try:
            ended: Said = {"result": running.result(), "machine": _machine(order)}
        except CallFailed as error:
            ended = {"cause": error.cause}
    if checkpoint is not None and "result" in ended:
        checkpoint.unlink(missing_ok=True)
    yield ended


def _own_checkpoint(task: Said) -> Path | None:
    """Where a checkpoint lies if the results folder is not to be found on this machine; None where it is.

    It stays when the trial fails, for the next attempt, should that come here too.
    """
    if "checkpoint" not in task or Path(task["checkpoint"]).parent.parent.is_dir():
        return None
    folder = Path(tempfile.gettempdir()) / f"ablate-{os.getuid()}-checkpoints"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / Path(task["checkpoint"]).name


def _machine(order: Said) -> dict[str, Any] | None:
    return None if order["host"] == identity() else _described(order["device"])


@lru_cache
def _described(device: str) -> dict[str, Any]:
    """What environment.py says of this machine; the commit is known where the order comes from."""
    described = environment.describe(device, Path("study.yaml"), Path("results"))
    return {name: value for name, value in described.items() if name not in ("commit", "dirty")}


def _news(log: IO[bytes]) -> str:
    """What was printed since this was last asked, a character a byte; of very much, the end."""
    start, end = log.tell(), log.seek(0, os.SEEK_END)
    left_out = max(0, end - start - MOST_NEWS)
    log.seek(start + left_out)
    note = f"[{left_out} bytes are left out here]\n" if left_out else ""
    return note + log.read().decode("latin-1")


@dataclass(frozen=True, eq=False)
class _Kept:
    worker: LocalWorker
    end: threading.Timer


# By threads and GPUs, which a process settles when it starts. Ray runs one task at a time beside this.
_kept: dict[tuple[int, str | None], _Kept] = {}
_keeping = threading.Lock()


@contextmanager
def _borrowed(threads: int) -> Iterator[LocalWorker]:
    """A worker for the GPU that Ray gave to this task."""
    kind = (threads, os.environ.get("CUDA_VISIBLE_DEVICES"))
    worker = _take(kind) or LocalWorker(Execution("", 1, threads))
    yield worker
    with _keeping:
        end = threading.Timer(IDLE_SECONDS, _end_idle, (kind, worker))
        end.daemon = True
        _kept[kind] = _Kept(worker, end)
        end.start()


def _take(kind: tuple[int, str | None]) -> LocalWorker | None:
    """The worker of this `kind`, if one is kept; those of others are ended."""
    with _keeping:
        found = dict(_kept)
        _kept.clear()
    for kept in found.values():
        kept.end.cancel()
    for other in found.keys() - {kind}:
        found[other].worker.close()
    return found[kind].worker if kind in found else None


def _end_idle(kind: tuple[int, str | None], worker: LocalWorker) -> None:
    with _keeping:
        idle = kind in _kept and _kept[kind].worker is worker
        if idle:
            del _kept[kind]
    if idle:
        worker.close()
