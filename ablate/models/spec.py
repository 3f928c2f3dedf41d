"""A network in words: the fields of a study's `model:` section once every one of them is settled. Free of torch."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ablate.errors import ModelError

Downsample = Literal["spd", "strided", "strided_depthwise", "maxpool", "avgpool", "blurpool"]
SkipDownsample = Literal["strided", "same"]
ReluPlacement = Literal["pre", "post", "full_pre", "none"]
MidActivation = Literal["none", "relu", "elu"]
Activation = Literal["relu", "elu", "gelu", "silu"]
Residual = Literal["add", "none"]
NormPlacement = Literal["branch", "after_add"]
SeparableOrder = Literal["depthwise_first", "pointwise_first"]
Init = Literal["fan_in", "fan_out"]

# Every field that is a choice among names, with its names.
CHOICES: dict[str, tuple[str, ...]] = {
    "downsample": get_args(Downsample),
    "skip_downsample": get_args(SkipDownsample),
    "relu_placement": get_args(ReluPlacement),
    "mid_activation": get_args(MidActivation),
    "activation": get_args(Activation),
    "residual": get_args(Residual),
    "norm_placement": get_args(NormPlacement),
    "separable_order": get_args(SeparableOrder),
    "init": get_args(Init),
}


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
    segments: Literal["depthwise"] | int = "depthwise"
    separable_order: SeparableOrder = "depthwise_first"
    bias: bool = False
    init: Init = "fan_in"
    dropout: float = 0.0
    num_classes: int
    input_size: int
    in_channels: int = 3

    def __post_init__(self) -> None:
        checks = [
            ("width", self.width > 0, "above 0"),
            ("channel_multiple", self.channel_multiple >= 1, "at least 1"),
            ("middle_depth", self.middle_depth >= 0, "at least 0"),
            ("dropout", 0 <= self.dropout < 1, "from 0 to below 1"),
            ("num_classes", self.num_classes >= 1, "at least 1"),
            ("input_size", self.input_size >= 1, "at least 1"),
            ("in_channels", self.in_channels >= 1, "at least 1"),
            *(
                (field, getattr(self, field) in choices, f"one of {', '.join(choices)}")
                for field, choices in CHOICES.items()
            ),
        ]
        for field, holds, rule in checks:
            if not holds:
                raise ModelError(f"model.{field}: must be {rule}, not {getattr(self, field)!r}")
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.downsample == "spd" and any(side % 2 == 0 for side in self.downsample_kernel):
            raise ModelError(
                f"model.downsample_kernel: spd needs odd kernels, not {list(self.downsample_kernel)}; "
                "its k x k convolution stands for a 2k x 2k one with stride 2"
            )
        if self.norm_placement == "after_add" and self.relu_placement == "full_pre":
            raise ModelError(
                "model.norm_placement: after_add moves the BN that closes a block, and with relu_placement full_pre "
                "there is none; use branch"
            )

    def channels(self, count: int) -> int:
        """`count` at this width: times `width`, to the nearest multiple of `channel_multiple`, half up."""
        # At least one multiple, so that no width makes a layer vanish.
        multiples = math.floor(count * self.width / self.channel_multiple + 0.5)
        return max(1, multiples) * self.channel_multiple

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON holds them: what plan.json stores and a trial's key is made from."""
        return {**asdict(self), "downsample_kernel": list(self.downsample_kernel)}


def spec_from_json(fields: dict[str, Any]) -> ModelSpec:
    """The inverse of `ModelSpec.as_json`."""
    return ModelSpec(**{**fields, "downsample_kernel": tuple(fields["downsample_kernel"])})
