"""A network in words: the fields of a study's `model:` section once every one of them is settled. Free of torch.

ModelSpec      a preset of this package
ExternalSpec   a network of torchvision or timm
BuilderSpec    a network that a function of the user's makes
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from ablate.errors import ModelError
from ablate.schema.choices import (
    Activation,
    AuxHeads,
    Downsample,
    Init,
    MidActivation,
    MidNorm,
    NormPlacement,
    ReluPlacement,
    Residual,
    SeparableOrder,
    SkipDownsample,
    SkipNorm,
)

# Every field that is a choice among names, with its names.
CHOICES: dict[str, tuple[str, ...]] = {
    "downsample": get_args(Downsample),
    "skip_downsample": get_args(SkipDownsample),
    "relu_placement": get_args(ReluPlacement),
    "mid_activation": get_args(MidActivation),
    "activation": get_args(Activation),
    "residual": get_args(Residual),
    "norm_placement": get_args(NormPlacement),
    "mid_norm": get_args(MidNorm),
    "skip_norm": get_args(SkipNorm),
    "separable_order": get_args(SeparableOrder),
    "init": get_args(Init),
}

# What the data decide of a network unless the study states it.
FROM_DATA = ("num_classes", "input_size", "in_channels")

# Fields younger than the first published results, with the value that every network had before: left out of the JSON
# at that value, so that a network keeps its key.
YOUNGER_FIELDS: dict[str, str] = {"mid_norm": "none", "skip_norm": "batch"}


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Every choice that makes one network.

    Equal specs are one network and share their trials. The defaults are those that the Xception presets have in common;
    a preset states what differs.
    """

    preset: str
    width: float = 1.0
    channel_multiple: int = 8
    middle_depth: int
    downsample: Downsample
    skip_downsample: SkipDownsample
    downsample_kernel: tuple[int, int] = (3, 1)
    relu_placement: ReluPlacement = "pre"
    mid_activation: MidActivation = "none"
    activation: Activation = "relu"
    residual: Residual = "add"
    norm_placement: NormPlacement = "branch"
    mid_norm: MidNorm = "none"
    skip_norm: SkipNorm = "batch"
    segments: Literal["depthwise"] | int = "depthwise"
    separable_order: SeparableOrder = "depthwise_first"
    bias: bool = False
    init: Init = "fan_in"
    dropout: float = 0.0
    num_classes: int
    input_size: int
    in_channels: int = 3

    def __post_init__(self) -> None:
        checks: list[Check] = [
            ("width", self.width > 0, "above 0"),
            ("channel_multiple", self.channel_multiple >= 1, "at least 1"),
            ("middle_depth", self.middle_depth >= 0, "at least 0"),
            ("dropout", 0 <= self.dropout < 1, "from 0 to below 1"),
            *_shape_checks(self.num_classes, self.input_size, self.in_channels),
            *(
                (field, getattr(self, field) in choices, f"one of {', '.join(choices)}")
                for field, choices in CHOICES.items()
            ),
        ]
        _require(self, checks)
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.downsample == "spd" and any(side % 2 == 0 for side in self.downsample_kernel):
            raise ModelError(
                f"model.downsample_kernel: spd needs odd kernels, not {list(self.downsample_kernel)}; "
                "its k x k convolution stands for a 2k x 2k one with stride 2"
            )
        if self.norm_placement != "branch" and self.relu_placement == "full_pre":
            raise ModelError(
                f"model.norm_placement: {self.norm_placement} is about the BN that closes a block, and with "
                "relu_placement full_pre there is none; use branch"
            )

    def channels(self, count: int) -> int:
        """`count` at this width: times `width`, to the nearest multiple of `channel_multiple`, half up."""
        # At least one multiple, so that no width makes a layer vanish.
        multiples = math.floor(count * self.width / self.channel_multiple + 0.5)
        return max(1, multiples) * self.channel_multiple

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON holds them: what plan.json stores and a trial's key is made from."""
        fields = {**asdict(self), "downsample_kernel": list(self.downsample_kernel)}
        unchanged = {name for name, value in YOUNGER_FIELDS.items() if fields[name] == value}
        return {name: value for name, value in fields.items() if name not in unchanged}

    def as_task(self) -> dict[str, Any]:
        """What a worker on this machine builds the network from."""
        return self.as_json()


@dataclass(frozen=True, kw_only=True)
class ExternalSpec:
    """`preset` is `torchvision/NAME` or `timm/NAME`, `version` that package's: another one may build another network.

    `aux_heads` is stated for networks that have auxiliary classifiers, `dropout` where the study sets it.
    """

    preset: str
    version: str
    aux_heads: AuxHeads | None = None
    dropout: float | None = None
    num_classes: int
    input_size: int
    in_channels: int = 3

    def __post_init__(self) -> None:
        _require(self, _shape_checks(self.num_classes, self.input_size, self.in_channels))

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON holds them, without those that are not stated."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def as_task(self) -> dict[str, Any]:
        """What a worker on this machine builds the network from."""
        return self.as_json()


@dataclass(frozen=True, kw_only=True)
class BuilderSpec:
    """A call of the user's function: `builder` as the study names it, `digest` of its source files, its arguments.

    `folder`, absolute, is where a relative path begins; it is this machine's own and no part of what the network is.
    `num_classes` None: what the network puts out is not checked, since nothing will train it.
    """

    builder: str
    digest: str
    arguments: dict[str, Any] = field(hash=False)
    num_classes: int | None
    input_size: int
    in_channels: int
    folder: str = field(compare=False)

    @property
    def preset(self) -> str:
        """What the network is called where others have their preset."""
        return self.builder

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON holds them, but for the folder."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}

    def as_task(self) -> dict[str, Any]:
        """What a worker on this machine builds the network from."""
        return asdict(self)


NetworkSpec = ModelSpec | ExternalSpec | BuilderSpec


def spec_from_json(fields: dict[str, Any]) -> NetworkSpec:
    """The inverse of `as_json`, and of `as_task` for a builder's network."""
    if "builder" in fields:
        return BuilderSpec(**fields)
    if "/" in fields["preset"]:
        return ExternalSpec(**fields)
    return ModelSpec(**{**fields, "downsample_kernel": tuple(fields["downsample_kernel"])})


Check = tuple[str, bool, str]
"""Field, whether its value is right, and what it must be."""


def _shape_checks(num_classes: int, input_size: int, in_channels: int) -> list[Check]:
    shape = {"num_classes": num_classes, "input_size": input_size, "in_channels": in_channels}
    return [(name, value >= 1, "at least 1") for name, value in shape.items()]


def _require(spec: NetworkSpec, checks: list[Check]) -> None:
    for name, holds, rule in checks:
        if not holds:
            raise ModelError(f"model.{name}: must be {rule}, not {getattr(spec, name)!r}")
