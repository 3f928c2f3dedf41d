"""A record: what one finished trial measured, as records/ in a results folder holds it."""

import base64
import re
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from ablate.schema.mistakes import shown
from ablate.schema.section import Section

State = Literal["complete", "diverged"]
ENDED: tuple[State, ...] = get_args(State)
RecordState = Literal["complete", "diverged", "pruned"]
Scored = Literal["test", "validation"]

HEXADECIMAL = re.compile("[0-9a-f]{64}")
ROUNDING = 1e-9


def _hash(text: str) -> str:
    if HEXADECIMAL.fullmatch(text) is None:
        raise ValueError(f"expected 64 hexadecimal digits, not {shown(text)}")
    return text


Hash = Annotated[str, AfterValidator(_hash)]
"""A sha256, 64 hexadecimal digits: no key can name a file outside of its folder."""

Share = Annotated[float, Field(ge=0, le=1)]
Measured = Annotated[float, Field(ge=0)] | None
# Logits are float32, and so no loss is beyond what these hold; twice the digits hold its square.
Loss = Annotated[float, Field(ge=-1e39, le=1e39)] | None


class Metrics(Section):
    """The per-trial columns; null where a diverged trial has no number."""

    accuracy: Share
    """Share of the test images that were told right; always a number, since a network that diverged answers too."""
    test_loss: Loss
    """Mean cross-entropy over the test images, in nats."""
    train_seconds: Measured
    """Of the training steps alone."""
    train_images_per_second: Measured
    """Images trained on in a second of them."""


class CurvePoint(Section):
    """One epoch of a learning curve."""

    epoch: int = Field(ge=1)
    """Counted from 1."""
    train_loss: Loss
    """Mean over the training batches as they were met, in nats."""
    train_accuracy: Share | None
    """Share of the images of these batches that were told right."""
    learning_rate: Measured
    """Of the last step."""
    validation_loss: Loss = None
    """Of the weights that would be scored then, in nats; there where a recipe watches it."""


class Timed(Section):
    """Medians of forward passes that took turns, beside whatever else the machine did then."""

    latency_ms: float = Field(gt=0)
    """Of the trial's own network."""
    baseline_latency_ms: float = Field(gt=0)
    """Of the baseline's."""


class RecordSection(Section):
    """One finished trial."""

    key: Hash
    """Of everything that decides its outcome; names the file."""
    seed: int = Field(ge=0)
    """The seed it was trained with."""
    state: RecordState
    """Whether its loss stayed a number; a trial of tuning that fell behind is `pruned`."""
    metrics: Metrics
    steps: int = Field(ge=0)
    """Optimizer steps that were made."""
    curve: tuple[CurvePoint, ...] = Field(strict=False)
    """One row an epoch, in their order."""
    correct: str
    """One bit a test image, whether it was told right: base64, most significant bit first, padded with zeros."""
    test_images: int = Field(ge=1)
    """Images of the test split."""
    attempts: int = Field(1, ge=1)
    """How often the trial was begun."""
    environment: str = ""
    """An id in environment.json."""
    scored: Scored = "test"
    """The split that metrics and bits are of; tuning and search never see the test split."""
    timed: Timed | None = None
    """There where a search asks for latency."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        bits = self._bits()
        share = bits.bit_count() / self.test_images
        if abs(share - self.metrics.accuracy) > ROUNDING:
            raise ValueError(
                f"accuracy is {self.metrics.accuracy!r}, but `correct` says that {bits.bit_count()} of "
                f"{self.test_images} test images were told right"
            )
        if self.state == "complete" and None in self.metrics.__dict__.values():
            raise ValueError("the state is complete, but a metric has no number")
        if self.state == "pruned" and self.scored == "test":
            raise ValueError("the state is pruned, which only a trial of tuning can be")
        epochs = [point.epoch for point in self.curve]
        if any(later <= earlier for earlier, later in pairwise(epochs)):
            raise ValueError("the epochs of `curve` do not rise")
        return self

    def _bits(self) -> int:
        """The bits of `correct` as one number."""
        try:
            packed = base64.b64decode(self.correct, validate=True)
        except ValueError:
            packed = b""
        padding = 8 * len(packed) - self.test_images
        bits = int.from_bytes(packed, "big")
        spelled = base64.b64encode(packed).decode()
        if padding not in range(8) or bits % (1 << padding) or spelled != self.correct:
            raise ValueError(
                f"`correct` is not one bit for each of {self.test_images} test images in base64, and zeros after them"
            )
        return bits


TRIAL_METRICS: tuple[str, ...] = tuple(Metrics.model_fields)
CURVE_FIELDS: tuple[str, ...] = tuple(name for name, field in CurvePoint.model_fields.items() if field.is_required())
