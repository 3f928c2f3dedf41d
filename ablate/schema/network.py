"""`model:`, a preset with its fields or a builder with its arguments."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator

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
from ablate.schema.section import Section

Kernel = Annotated[int, Field(ge=1, le=11)]


class ModelConfig(Section):
    """Which network. A field that is not stated (null) keeps the value of the preset."""

    preset: str
    """Name of the architecture that every other field modifies."""
    width: float | None = Field(None, gt=0, le=1000)
    """Factor on every channel count; the result is rounded to a multiple of `channel_multiple`."""
    channel_multiple: int | None = Field(None, ge=1)
    """Channel counts scaled by `width` are rounded to the nearest multiple of this, half up, at least one multiple."""
    middle_depth: int | None = Field(None, ge=0, le=1000)
    """Blocks in the middle flow."""
    downsample: Downsample | None = None
    """How a block halves the resolution on its main branch."""
    skip_downsample: SkipDownsample | None = None
    """`strided`: one 1x1 stride-2 convolution; `same`: a 1x1 convolution, then the main branch's operator."""
    downsample_kernel: tuple[Kernel, Kernel] | None = Field(None, strict=False)
    """Kernel sides in pixels of the downsampling operator: [main branch, skip branch]."""
    relu_placement: ReluPlacement | None = None
    """Order in a separable block: `pre` act-sep-BN, `post` sep-BN-act, `full_pre` BN-act-sep, `none` sep-BN."""
    mid_activation: MidActivation | None = None
    """Activation between the depthwise and the pointwise convolution (Xception paper, figure 10)."""
    activation: Activation | None = None
    """Activation everywhere else."""
    residual: Residual | None = None
    """`none` drops the skip convolutions too (Xception paper, figure 9)."""
    norm_placement: NormPlacement | None = None
    """Where a block's last batch norm stands: on the main branch, after the addition, or one at each place."""
    mid_norm: MidNorm | None = None
    """Batch norm between the two halves of a separable convolution, before `mid_activation` (MobileNet has it)."""
    skip_norm: SkipNorm | None = None
    """Batch norm behind the 1x1 convolution of a skip connection."""
    segments: Literal["depthwise"] | Annotated[int, Field(ge=1)] | None = None
    """Channel groups of a separable convolution's spatial part; `depthwise` is one group a channel."""
    separable_order: SeparableOrder | None = None
    """Which half of a separable convolution comes first."""
    bias: bool | None = None
    """Whether depthwise and pointwise convolutions have a bias."""
    init: Init | None = None
    """Kaiming initialisation by fan in or fan out."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Probability of dropping a feature before the classifier."""
    aux_heads: AuxHeads | None = None
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
