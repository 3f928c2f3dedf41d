"""What the cost phase measures: one network in place on its device, ready to be called."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ablate.measure.clock import Call, warm_up
from ablate.measure.modes import MODES
from ablate.models.network import initialised
from ablate.models.outputs import training_loss
from ablate.models.spec import spec_from_json
from ablate.schema import Mode


class Subject:
    """A network, fp32 and channels last, on `device`; `image_shape` is (channels, height, width).

    Its calls are prepared and warmed up when they are first asked for, and kept.
    """

    def __init__(self, network: nn.Module, image_shape: tuple[int, int, int], device: torch.device) -> None:
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.image_shape, self.device = image_shape, device
        self._calls: dict[tuple[str, int], Call] = {}

    @property
    def parameter_bytes(self) -> int:
        return sum(parameter.nbytes for parameter in self.network.parameters())

    def images(self, batch: int) -> Tensor:
        """Normal noise (batch, channels, height, width), fp32, channels last; the values do not matter to a clock."""
        generator = torch.Generator("cpu").manual_seed(0)
        noise = torch.randn((batch, *self.image_shape), generator=generator)
        return noise.to(self.device, memory_format=torch.channels_last)

    def forward(self, batch: int, mode: Mode = "eager") -> Call:
        """A forward pass in evaluation mode, without what a backward pass would need."""
        self.network.eval()
        with torch.inference_mode():
            call = self._ready((mode, batch), lambda: MODES[mode](self.network, self.images(batch)))

        def without_gradients() -> object:
            with torch.inference_mode():
                return call()

        return without_gradients

    def training_step(self, batch: int) -> Call:
        """Forward, cross-entropy, backward and an update by SGD with momentum, which at rate 0 leaves the weights."""
        self.network.train()
        return self._ready(("training", batch), lambda: self._step(batch))

    def rest(self) -> None:
        """Let go of the gradients that training steps leave."""
        self.network.zero_grad(set_to_none=True)

    def _step(self, batch: int) -> Call:
        images, labels = self.images(batch), torch.zeros(batch, dtype=torch.int64, device=self.device)
        optimizer = torch.optim.SGD(self.network.parameters(), lr=0.0, momentum=0.9)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            loss, _ = training_loss(self.network(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return step

    def _ready(self, key: tuple[str, int], prepare: Callable[[], Call]) -> Call:
        if key not in self._calls:
            call = prepare()
            warm_up(call, self.device)
            self._calls[key] = call
        return self._calls[key]


def subject_of(model: Mapping[str, Any], device: torch.device) -> Subject:
    """The network that `model`, a resolved specification as JSON, describes."""
    spec = spec_from_json(dict(model))
    return Subject(initialised(spec, seed=0), (spec.in_channels, spec.input_size, spec.input_size), device)
