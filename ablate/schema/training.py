"""`data:` and `train:`."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ablate.schema.section import Section


class DataConfig(Section):
    """Which images. A field that is not stated (null) keeps the value of the data set."""

    name: str
    """Name of the data set."""
    root: Path | None = Field(None, strict=False)
    """Folder that holds it; unless stated, ABLATE_DATA, else a cache folder."""
    seed: int = Field(0, ge=0)
    """Fixes the set, its subset and every split; the seeds of the trials never touch it."""
    train_limit: int | None = Field(None, ge=1)
    """Images in a stratified subset of the training split; all of them unless stated."""
    validation: float | None = Field(None, gt=0, lt=1)
    """Share of the training subset held out, class by class, for what must watch unseen images; none unless stated."""
    object_size: float | None = Field(None, gt=0)
    """Size of the objects in pixels."""
    clutter: float | None = Field(None, ge=0)
    """Amount of distracting marks around the object."""
    noise: float | None = Field(None, ge=0)
    """Strength of the pixel noise."""
    image_size: int | None = Field(None, ge=1)
    """Side in pixels to which images are resized."""


class TrainConfig(Section):
    """The recipe, the same for every variant unless a factor varies it. Either `epochs` or `steps` is given.

    A level that differs from the baseline in `seed_offset` alone compares the baseline with itself under other seeds,
    an A/A test: where nothing differs, no difference may be found (studies/null.yaml).
    """

    younger: ClassVar[frozenset[str]] = frozenset({"seed_offset"})

    recipe: str | None = None
    """A published recipe by name; it gives every field, of the model and the data too, that is not stated."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training subset."""
    steps: int | None = Field(None, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(128, ge=1)
    """Images a step; the last short batch of an epoch is dropped."""
    optimizer: Literal["sgd", "adamw", "adam", "rmsprop"] = "sgd"
    """SGD or RMSprop with momentum, Adam, or AdamW."""
    lr: float = Field(0.1, gt=0)
    """Peak learning rate."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of SGD and RMSprop; Adam and AdamW do not read it."""
    weight_decay: float = Field(5e-4, ge=0)
    """On convolution and linear weights only."""
    schedule: Literal[
        "one_cycle", "cosine", "step", "exponential", "constant", "staircase", "milestones", "plateau"
    ] = "one_cycle"
    """How the learning rate moves over the steps."""
    decay_factor: float | None = Field(None, gt=0, lt=1)
    """What `staircase`, `milestones` and `plateau` multiply the learning rate by."""
    decay_epochs: float | None = Field(None, gt=0)
    """Epochs between two steps of `staircase`."""
    decay_images: int | None = Field(None, ge=1)
    """Images between two steps of `staircase`, instead of `decay_epochs`."""
    milestones: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(None, strict=False, min_length=1)
    """Epochs, rising, after which `milestones` multiplies the learning rate."""
    patience_epochs: int | None = Field(None, ge=1)
    """Epochs on end without a lower validation loss that `plateau` bears; one more, and it lowers the learning rate."""
    stop_patience_epochs: int | None = Field(None, ge=1)
    """Epochs without a lower validation loss after which training ends; the weights are those of the lowest."""
    warmup_epochs: float = Field(0.0, ge=0)
    """Epochs of linear warm-up before the schedule."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Probability mass that the training loss spreads over all classes."""
    augment: Literal["auto", "crop_flip", "crop", "flip", "none", "resized_crop_flip"] = "auto"
    """Augmentation of training images; `auto` is the data set's own."""
    rotation_degrees: float | None = Field(None, gt=0, le=180)
    """Training images are turned by up to this many degrees either way."""
    test_crop: float | None = Field(None, gt=0, lt=1)
    """Side of the central part of a test image that is looked at, as a share of the whole; all of it unless stated."""
    average_decay: float | None = Field(None, gt=0, lt=1)
    """Decay of an exponential moving average of the weights, with which the network is scored (Polyak averaging)."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward pass; `auto` is decided once a study from the device."""
    seed_offset: int = Field(0, ge=0)
    """Added to every seed that is trained with; tables pair by the seed as planned. A level of it is an A/A test."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is None and self.steps is None and self.recipe is None:
            raise ValueError("gives no length of training; give epochs or steps")
        if self.epochs is not None and self.steps is not None:
            raise ValueError(
                f"gives both epochs ({self.epochs}) and steps ({self.steps}); give one of them, and null for the other"
            )
        return self
