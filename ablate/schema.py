"""The study file as types: every key that exists, what it holds, its default and its unit.

Strict: an unknown key, text where a number stands or a yes/no where a whole number stands is a mistake. A whole number
is fine where a number is asked for. Names of presets, data sets and metrics are plain text here, since their tables
belong to other packages; `ablate.study.load` checks them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the root of a study file to a value."""

T = TypeVar("T")

Kernel = Annotated[int, Field(ge=1, le=11)]
Seed = Annotated[int, Field(ge=0)]


def _all_distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    repeated = [value for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise ValueError(f"names {repeated[0]!r} twice")
    return values


class Section(BaseModel):
    """Base of every part of the study file: frozen, strict, no unknown keys, no infinities."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )


class ModelConfig(Section):
    """Which network. A field that is not stated (null) keeps the value of the preset."""

    preset: str
    """Name of the architecture that every other field modifies."""
    width: float | None = Field(None, gt=0)
    """Factor on every channel count; the result is rounded to a multiple of `channel_multiple`."""
    channel_multiple: int | None = Field(None, ge=1)
    """Channel counts scaled by `width` are rounded to the nearest multiple of this, half up, at least one multiple."""
    middle_depth: int | None = Field(None, ge=0)
    """Blocks in the middle flow."""
    downsample: Literal["spd", "strided", "strided_depthwise", "maxpool", "avgpool", "blurpool"] | None = None
    """How a block halves the resolution on its main branch."""
    skip_downsample: Literal["strided", "same"] | None = None
    """`strided`: one 1x1 stride-2 convolution; `same`: a 1x1 convolution, then the main branch's operator."""
    downsample_kernel: tuple[Kernel, Kernel] | None = Field(None, strict=False)
    """Kernel sides in pixels of the downsampling operator: [main branch, skip branch]."""
    relu_placement: Literal["pre", "post", "full_pre", "none"] | None = None
    """Order in a separable block: `pre` act-sep-BN, `post` sep-BN-act, `full_pre` BN-act-sep, `none` sep-BN."""
    mid_activation: Literal["none", "relu", "elu"] | None = None
    """Activation between the depthwise and the pointwise convolution (Xception paper, figure 10)."""
    activation: Literal["relu", "elu", "gelu", "silu"] | None = None
    """Activation everywhere else."""
    residual: Literal["add", "none"] | None = None
    """`none` drops the skip convolutions too (Xception paper, figure 9)."""
    norm_placement: Literal["branch", "after_add", "both"] | None = None
    """Where a block's last batch norm stands: on the main branch, after the addition, or one at each place."""
    mid_norm: Literal["none", "batch"] | None = None
    """Batch norm between the two halves of a separable convolution, before `mid_activation` (MobileNet has it)."""
    skip_norm: Literal["none", "batch"] | None = None
    """Batch norm behind the 1x1 convolution of a skip connection."""
    segments: Literal["depthwise"] | Annotated[int, Field(ge=1)] | None = None
    """Channel groups of a separable convolution's spatial part; `depthwise` is one group a channel."""
    separable_order: Literal["depthwise_first", "pointwise_first"] | None = None
    """Which half of a separable convolution comes first."""
    bias: bool | None = None
    """Whether depthwise and pointwise convolutions have a bias."""
    init: Literal["fan_in", "fan_out"] | None = None
    """Kaiming initialisation by fan in or fan out."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Probability of dropping a feature before the classifier."""
    aux_heads: Literal["none", "trained"] | None = None
    """Auxiliary classifiers of torchvision's inception_v3 and googlenet: left out, or built and trained."""
    num_classes: int | None = Field(None, ge=1)
    """Classes; from the data set unless stated."""
    input_size: int | None = Field(None, ge=1)
    """Side of the input in pixels; from the data set unless stated. Images of another size are resized to it."""
    in_channels: int | None = Field(None, ge=1)
    """Channels of the input; from the data set unless stated."""


class BuilderConfig(Section):
    """A network of the user's own. Every other key is a keyword argument of the function."""

    model_config = ConfigDict(extra="allow")

    builder: str
    """`path.py:function`, the path as seen from the study file, or `package.module:function`. It is run."""

    @field_validator("builder")
    @classmethod
    def _names_a_function(cls, builder: str) -> str:
        where, _, function = builder.rpartition(":")
        if not where or not function.isidentifier():
            raise ValueError(f"expected path.py:function or package.module:function, not {builder!r}")
        return builder


def _kind_of_model(stated: Any) -> str:
    # Union members are named so that no key of a study file can be mistaken for one in an error's location.
    has_builder = "builder" in stated if isinstance(stated, Mapping) else isinstance(stated, BuilderConfig)
    return "<builder>" if has_builder else "<preset>"


ModelSection = Annotated[
    Annotated[ModelConfig, Tag("<preset>")] | Annotated[BuilderConfig, Tag("<builder>")],
    Discriminator(_kind_of_model),
]


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
    """The recipe, the same for every variant unless a factor varies it. Either `epochs` or `steps` is given."""

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

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is None and self.steps is None and self.recipe is None:
            raise ValueError("gives no length of training; give epochs or steps")
        if self.epochs is not None and self.steps is not None:
            raise ValueError(f"gives both epochs ({self.epochs}) and steps ({self.steps}); give one of them")
        return self


class CostConfig(Section):
    """How the costs of a variant are measured."""

    seconds_per_variant: float = Field(4.0, gt=0)
    """Time to spend on the latency of one variant, in seconds."""
    batch_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 64), strict=False, min_length=1)
    """Images in a batch, one latency for each; batch 1 gives the columns without a suffix."""

    @field_validator("batch_sizes")
    @classmethod
    def _distinct(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return _all_distinct(sizes)


class PublishedClaim(Section):
    """What every claim has: what is said, and where."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    """Its name in claims.csv."""
    source: str = Field(min_length=1)
    """Where it is published."""
    statement: str = Field(min_length=1)
    """What is said, in one sentence."""


class DifferenceClaim(PublishedClaim):
    """A published statement that one choice of levels scores higher than another."""

    metric: str | None = None
    """The metric it is about; the primary one unless stated."""
    better: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be better."""
    than: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be worse."""
    published_difference: float | None = None
    """Better minus worse as published, in the metric's unit (accuracy: a fraction, not per cent)."""


class Interaction(Section):
    """Two differences, better minus worse, at two choices of the other levels."""

    better: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be better."""
    than: dict[str, Any] = Field(min_length=1)
    """Factor -> level said to be worse."""
    more_at: dict[str, Any] = Field(min_length=1)
    """Other factor -> level at which `better` is said to lead by more."""
    than_at: dict[str, Any] = Field(min_length=1)
    """Other factor -> level at which it is said to lead by less, or to lose."""


class InteractionClaim(PublishedClaim):
    """A published statement that a difference depends on another choice."""

    metric: str | None = None
    """The metric it is about; the primary one unless stated."""
    interaction: Interaction
    """The two differences of which the first is said to be the larger."""
    published_difference: float | None = None
    """The first difference minus the second as published, in the metric's unit."""


class Count(Section):
    """A printed number about a network that can be counted."""

    system: str
    """The variant it is about."""
    quantity: str
    """What is counted: params, macs, flops, side:LAYER, ..."""
    over: str | None = None
    """Variant whose same quantity it is divided by, where the number is a ratio."""
    published: float
    """The number as printed, in whole units: 5.5e9, not 5.5B."""
    tolerance: float = Field(0.01, ge=0, lt=1)
    """Relative deviation up to which it still matches: half of the last printed digit, say."""


class Reading(Section):
    """Another meaning that a printed number may have: a count, or what another source prints."""

    system: str | None = None
    """The variant it is about; with `quantity`."""
    quantity: str | None = None
    """What is counted."""
    over: str | None = None
    """Variant whose same quantity it is divided by."""
    cited: float | None = None
    """A number that another source prints; with `source`."""
    source: str | None = Field(None, min_length=1)
    """That source."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        stated = {name for name in ("system", "quantity", "over", "cited", "source") if getattr(self, name) is not None}
        if stated - {"over"} != {"system", "quantity"} and stated != {"cited", "source"}:
            raise ValueError("needs either system and quantity, or cited and source")
        return self


class CountClaim(PublishedClaim):
    """A printed number, to be compared with a count."""

    count: Count
    """The number, and what it is most plainly about."""
    readings: tuple[Reading, ...] = Field((), strict=False)
    """What else it may mean. It matches if all meanings agree with it, differs if none does, else it is ambiguous."""
    note: str = ""
    """Why, where the numbers alone do not say it."""


def _kind_of_claim(stated: Any) -> str:
    for key in ("interaction", "count"):
        if key in stated if isinstance(stated, Mapping) else hasattr(stated, key):
            return f"<{key}>"
    return "<difference>"


ClaimSection = Annotated[
    Annotated[DifferenceClaim, Tag("<difference>")]
    | Annotated[InteractionClaim, Tag("<interaction>")]
    | Annotated[CountClaim, Tag("<count>")],
    Discriminator(_kind_of_claim),
]
_CLAIM: TypeAdapter[DifferenceClaim | InteractionClaim | CountClaim] = TypeAdapter(ClaimSection)


def claim_from_json(stored: Mapping[str, Any]) -> DifferenceClaim | InteractionClaim | CountClaim:
    """A claim as plan.json holds it; raises pydantic's `ValidationError` for what no claim has."""
    return _CLAIM.validate_python(stored)


class StudyFile(Section):
    """A study: base configuration, factors, design, seeds, measurements, claims."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)
    """Letters, digits, `_` and `-`; names the results folder."""
    question: str = ""
    """What the study asks, in one sentence."""
    model: ModelSection
    data: DataConfig | None = None
    """Not needed where nothing is trained; a network then has the classes and the size of its own source."""
    train: TrainConfig | None = None
    """Not needed where nothing is trained."""
    factors: dict[str, list[Any] | dict[str, dict[str, Any]]] = {}
    """Field path -> levels, or a name -> level name -> the fields it sets."""
    baseline: dict[str, Any] = {}
    """Factor -> the level that the others are compared with; one of every factor."""
    design: Literal["grid", "one_at_a_time", "count"] = "grid"
    """`grid`: every combination of levels; `one_at_a_time`: the baseline and each single change from it; `count`: every
    combination, counted and never trained."""
    seeds: Annotated[int, Field(ge=1, le=10_000)] | Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)] = (
        Field((), validate_default=False)
    )
    """A count n (seeds 0 to n-1), or a list of distinct seeds."""
    primary: str = "accuracy"
    """The metric that verdicts are about."""
    margin: dict[str, Annotated[float, Field(gt=0)]] = {}
    """Metric -> the difference that does not matter, in the metric's unit."""
    measure: tuple[str, ...] = Field(("accuracy", "test_loss", "params", "macs"), strict=False, min_length=1)
    """Metrics to measure."""
    cost: CostConfig = CostConfig()
    retries: int = Field(1, ge=0)
    """How often a failed trial is tried again within one run."""
    trial_timeout_minutes: float | None = Field(None, gt=0)
    """A trial that takes longer than this many minutes has failed; no limit unless stated."""
    claims: tuple[ClaimSection, ...] = Field((), strict=False)
    """Published statements to check against what is measured."""

    @field_validator("seeds", "measure")
    @classmethod
    def _distinct(cls, values: Any) -> Any:
        return values if isinstance(values, int) else _all_distinct(values)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds of every variant, in the order they run; none where nothing is trained."""
        if self.design == "count":
            return ()
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds


S = TypeVar("S", bound=Section)

SECTIONS: Mapping[str, type[Section]] = {"model": ModelConfig, "data": DataConfig, "train": TrainConfig}
"""The sections whose fields a factor can vary."""

FIELD_PATHS: tuple[str, ...] = (
    *(f"{name}.{field}" for name, section in SECTIONS.items() for field in section.model_fields),
    "model.builder",
)
"""Every path that a factor or a level can name, like `model.width`; a builder's arguments come to these."""


class SectionError(Exception):
    """A mapping is not what its section asks for; `details` are pydantic's, `section` is what was asked for."""

    def __init__(self, section: type[Section], details: list[Any]) -> None:
        super().__init__(f"{len(details)} mistakes in {section.__name__}")
        self.section = section
        self.details = details


def validated(section: type[S], data: Any) -> S:
    """`data`, as YAML gives it, as a `section`; raises `SectionError` with everything that is wrong with it."""
    try:
        return section.model_validate(data)
    except ValidationError as error:
        raise SectionError(section, error.errors(include_url=False)) from None


ARGUMENT_TYPES: Mapping[str, Any] = {"bool": bool, "int": int, "float": float, "str": str, "any": Any}


def argument_section(parameters: Sequence[Mapping[str, Any]], others: Literal["allow", "forbid"]) -> type[Section]:
    """The keyword arguments of a builder as a section: each of `parameters` has name, required, kind and choices."""
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(parameters):
        kind = (
            Literal[tuple(parameter["choices"])] if parameter["kind"] == "choice" else ARGUMENT_TYPES[parameter["kind"]]
        )
        default = ... if parameter["required"] else None
        # An argument may have a name that pydantic keeps for itself, so it is the alias.
        fields[f"argument{number}"] = (kind, Field(default, alias=parameter["name"], validate_default=False))
    return create_model("Arguments", __base__=_OpenSection if others == "allow" else Section, **fields)


class _OpenSection(Section):
    model_config = ConfigDict(extra="allow")


def keys_at(section: type[Section], data: Any, path: KeyPath) -> list[str]:
    """The keys that may stand in the mapping at `path` of `data`, a `section`: for instance those of ("claims", 0)."""
    for part in path:
        data = data[part]
        if isinstance(part, str):
            choices = _sections_in(section.model_fields[part].annotation)
        if isinstance(data, Mapping):
            section = max(choices, key=lambda choice: len(choice.model_fields.keys() & data.keys()))
    return [info.alias or name for name, info in section.model_fields.items()]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a study file, with every key's meaning, for editors."""
    return StudyFile.model_json_schema()


def _sections_in(annotation: Any) -> list[type[Section]]:
    """Every section that `annotation` names, as deep as it goes."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]
