"""What can be counted of one network, and how it is named in the claims of a count study. Free of torch.

params            of the whole network
params:exit       below the module `exit`; `*` stands for any text, so `params:*.down` is what all operators have
"""

from dataclasses import dataclass
from typing import Literal

from ablate.errors import UnknownName
from ablate.lookup import lookup

Scope = Literal["network", "network or PATH", "PATH"]


@dataclass(frozen=True)
class Quantity:
    """`scope` says what stands behind a colon; `function` is the dotted name of what counts it."""

    meaning: str
    function: str
    scope: Scope = "network"


QUANTITIES: dict[str, Quantity] = {
    "params": Quantity(
        "trainable parameters, running statistics not counted", "ablate.models.quantify:params", "network or PATH"
    ),
    "params_with_statistics": Quantity(
        "parameters, and the running means and variances of batch norms, as Keras counts them",
        "ablate.models.quantify:params_with_statistics",
    ),
    "params_share": Quantity(
        "share of the network's parameters that lies below PATH, a fraction",
        "ablate.models.quantify:params_share",
        "PATH",
    ),
    "macs": Quantity(
        "multiply-adds of convolutions and linear layers for one image",
        "ablate.models.quantify:macs",
        "network or PATH",
    ),
    "flops": Quantity("twice the multiply-adds", "ablate.models.quantify:flops"),
    "fvcore_flops": Quantity(
        "fvcore's own total: multiply-adds, and batch norm and adaptive pooling beside them",
        "ablate.models.quantify:fvcore_flops",
    ),
    "macs_with_aux_heads": Quantity(
        "multiply-adds of one image in training, when auxiliary heads run too",
        "ablate.models.quantify:macs_with_aux_heads",
    ),
    "conv_modules": Quantity(
        "convolutions, each half of a separable one by itself", "ablate.models.quantify:conv_modules", "network or PATH"
    ),
    "conv_layers": Quantity(
        "convolutions as the Xception paper counts them: a separable one as one, those of skip connections not at all; "
        "of presets alone",
        "ablate.models.quantify:conv_layers",
    ),
    "separables": Quantity(
        "separable convolutions, told by their depthwise half", "ablate.models.quantify:separables", "network or PATH"
    ),
    "skips": Quantity("skip connections; of presets alone", "ablate.models.quantify:skips", "network or PATH"),
    "relus": Quantity("ReLU modules; of presets alone", "ablate.models.quantify:relus", "network or PATH"),
    "in_a_row": Quantity(
        "how often layers of the kinds that PATH lists run one right after the other, such as "
        "depthwise>pointwise>norm>relu",
        "ablate.models.quantify:in_a_row",
        "PATH",
    ),
    "side": Quantity(
        "height and width of what the module PATH puts out, in pixels", "ablate.models.quantify:side", "PATH"
    ),
    "channels": Quantity("channels of what the module PATH puts out", "ablate.models.quantify:channels", "PATH"),
    "top1": Quantity(
        "top-1 accuracy on ImageNet that torchvision states for its first weights, a fraction",
        "ablate.models.quantify:top1",
    ),
    "top5": Quantity(
        "top-5 accuracy on ImageNet that torchvision states for its first weights, a fraction",
        "ablate.models.quantify:top5",
    ),
    "listed": Quantity(
        "1 if the package that the network comes from has a model called PATH, 0 if not",
        "ablate.models.quantify:listed",
        "PATH",
    ),
}


def check_quantity(name: str) -> None:
    """Raise `UnknownName` unless `name` is a quantity with a path behind it where, and only where, it takes one."""
    base, colon, path = name.partition(":")
    scope = lookup(QUANTITIES, base, "quantity").scope
    if scope == "PATH" and not path:
        raise UnknownName(f"quantity {name!r} needs a path behind it, {base}:PATH")
    if scope == "network" and colon:
        raise UnknownName(f"quantity {name!r} is of the whole network; write {base!r}")
    if colon and not path:
        raise UnknownName(f"quantity {name!r} ends in a colon; write {base!r}, or a path behind it")
