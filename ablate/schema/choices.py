"""The names that a network's fields are chosen among. What they stand for is built by ablate.models, which may import
torch; a name is added here and in the table there, and a test holds the two alike."""

from typing import Literal

Downsample = Literal["spd", "strided", "strided_depthwise", "maxpool", "avgpool", "blurpool"]
SkipDownsample = Literal["strided", "same"]
ReluPlacement = Literal["pre", "post", "full_pre", "none"]
MidActivation = Literal["none", "relu", "elu"]
Activation = Literal["relu", "elu", "gelu", "silu"]
Residual = Literal["add", "none"]
NormPlacement = Literal["branch", "after_add", "both"]
MidNorm = Literal["none", "batch"]
SkipNorm = Literal["none", "batch"]
SeparableOrder = Literal["depthwise_first", "pointwise_first"]
AuxHeads = Literal["none", "trained"]
Init = Literal["fan_in", "fan_out"]
