"""What a training that is killed goes on from: written now and then, and used by the same trial where it was begun.

A file is what torch.save makes, followed by its sha256. Every random number of a training is addressed by a counter
(randomness.py), so that weights, the optimizer's state and the position are all there is to keep.
"""

import hashlib
import io
import pickle
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ablate.errors import ResultsError
from ablate.records import write_bytes
from ablate.train.averaging import WeightAverage

CHECKPOINT_SECONDS = 60.0
SHARE = 0.01  # of the time, that saving may take
LAYOUT = "1"  # raised when a file holds something else than before

Progress = dict[str, Any]


class Checkpoint:
    """The checkpoint at `path` of the trial `key`.

    `environment` says what moves numbers: one record is never made of two environments. Saving is due `every_seconds`
    after the start or the last time, and later if it would take more than `share` of the time.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        environment: Mapping[str, str],
        *,
        every_seconds: float = CHECKPOINT_SECONDS,
        share: float = SHARE,
    ) -> None:
        self._path = path
        self._identity = {"layout": LAYOUT, "key": key, **environment}
        self._every_seconds, self._share = every_seconds, share
        self._due = time.monotonic() + every_seconds
        self._failed = False

    def is_due(self) -> bool:
        """Whether it is time to save; cheap enough to be asked at every step."""
        return time.monotonic() >= self._due

    def save(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: WeightAverage | None,
        progress: Mapping[str, Any],
    ) -> None:
        """Replace the file in one step. If it cannot be written, a line says so once, and the training goes on."""
        started = time.monotonic()
        state = {
            "identity": self._identity,
            "network": network.state_dict(),
            "buffers": dict(network.named_buffers()),  # a state_dict leaves out those that are not persistent
            "optimizer": optimizer.state_dict(),
            "average": None if average is None else average.kept,
            "progress": dict(progress),
        }
        try:
            write_bytes(self._path, _sealed(state))
        except (ResultsError, MemoryError) as error:
            self._tell_failure(error)
        took = time.monotonic() - started
        self._due = started + max(took + self._every_seconds, took / self._share)

    def restore(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None
    ) -> Progress | None:
        """Give network, optimizer and average what the file holds, and return the progress that was saved with them.

        None, and nothing is changed, without a file, or with one that is damaged or of another trial or environment;
        then a line says why.
        """
        try:
            state = _opened(self._path.read_bytes())
            self._check(state, network)
        except FileNotFoundError:
            return None
        except (_Unfit, OSError) as error:
            _say(f"the checkpoint {self._path} is not used, {error}; training starts afresh")
            return None
        _put_back(state, network, optimizer, average)
        progress: Progress = state["progress"]
        return progress

    def _check(self, state: dict[str, Any], network: nn.Module) -> None:
        others = sorted({name for name, _ in state["identity"].items() ^ self._identity.items()})
        if others:
            raise _Unfit(f"it differs in {', '.join(others)}")
        if _shapes(state["network"], state["buffers"]) != _shapes(network.state_dict(), dict(network.named_buffers())):
            raise _Unfit("it differs in the network")

    def _tell_failure(self, error: Exception) -> None:
        if not self._failed:
            _say(f"no checkpoint can be saved, training goes on without: {str(error) or type(error).__name__}")
        self._failed = True


class _Unfit(Exception):
    """A file that is no checkpoint of this training."""


def _sealed(state: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    torch.save(state, content)
    content.write(hashlib.sha256(content.getbuffer()).digest())
    return content.getvalue()


def _opened(content: bytes) -> dict[str, Any]:
    size = len(content) - hashlib.sha256().digest_size
    if size < 0 or hashlib.sha256(memoryview(content)[:size]).digest() != content[size:]:
        raise _Unfit("it is damaged")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # of a network whose own state is more than tensors
        raise _Unfit(f"it cannot be read ({str(error).splitlines()[0]})") from error
    return state


def _shapes(*states: Mapping[str, Any]) -> list[dict[str, torch.Size]]:
    """Names and shapes of the tensors in each of `states`."""
    return [{name: value.shape for name, value in state.items() if isinstance(value, torch.Tensor)} for state in states]


@torch.no_grad()
def _put_back(
    state: dict[str, Any], network: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None
) -> None:
    """Values alone are copied, into tensors that keep their place and their layout in memory."""
    network.load_state_dict(state["network"])
    for name, buffer in network.named_buffers():
        buffer.copy_(state["buffers"][name])
    optimizer.load_state_dict(state["optimizer"])
    if average is not None:
        average.put_back(state["average"])


def _say(line: str) -> None:
    """Into the worker's log, whose standard error this is."""
    sys.stderr.write(line + "\n")
