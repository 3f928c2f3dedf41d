"""Polyak averaging: an exponential moving average of the weights, beside a training that does not see it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages of the parameters and of BN's statistics of `network`; other buffers are taken as they are.

    As TensorFlow's ExponentialMovingAverage with a step count: after step n, counted from 1, the average keeps
    min(`decay`, (1 + n) / (10 + n)) of itself, so that a short training forgets its start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        tensors = [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
        self._live = [tensor for tensor in tensors if tensor.is_floating_point()]
        self._kept = [tensor.clone() for tensor in self._live]

    @property
    def kept(self) -> list[Tensor]:
        """The averages, as `put_back` takes them."""
        return self._kept

    @torch.no_grad()
    def put_back(self, kept: list[Tensor]) -> None:
        """Go on from the averages that `kept` was."""
        torch._foreach_copy_(self._kept, kept)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step `step`, counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._kept, self._live, 1 - decay)

    @torch.no_grad()
    def exchange(self) -> None:
        """Give the network the averages, and keep what it had; a second call undoes it."""
        held = [tensor.clone() for tensor in self._live]
        torch._foreach_copy_(self._live, self._kept)
        torch._foreach_copy_(self._kept, held)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the averages within this context, and its own weights after it."""
        self.exchange()
        yield
        self.exchange()
