"""Networks of torchvision and timm, named `torchvision/NAME` and `timm/NAME`, as their packages build them."""

import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any, Literal, cast

from torch import Tensor, nn

from ablate.errors import ModelError, UnknownName
from ablate.lookup import load_dotted, suggestion
from ablate.models.outputs import Outputs
from ablate.models.spec import ExternalSpec

# Networks that people look for where they are not, and what to name instead.
ELSEWHERE: dict[str, str] = {
    "xception": "xception (the paper's net, built here) or timm/legacy_xception (timm's xception41, 65 and 71 are "
    "another net, DeepLab's)",
    "mobilenet_v1": "mobilenet_v1 (built here) or timm/mobilenetv1_100",
    "mobilenet": "mobilenet_v1 (built here), timm/mobilenetv1_100 or torchvision/mobilenet_v2",
    "inception_v4": "timm/inception_v4",
    "inception_v1": "torchvision/googlenet",
}

# What the losses of auxiliary heads count beside the main one: Szegedy et al. 2014 (arXiv 1409.4842, section 5) for
# GoogLeNet; the 0.4 of TensorFlow's reference training for Inception-v3, whose paper does not say.
AUXILIARY_WEIGHTS: dict[str, float] = {"torchvision/googlenet": 0.3, "torchvision/inception_v3": 0.4}


@dataclass(frozen=True)
class Native:
    """What a network's own source made it for."""

    num_classes: int
    input_size: int


def _zoo(function: str) -> Any:
    """A function of torchvision.models, whose import takes as long as that of torch: most studies need none of them."""
    return load_dotted(f"torchvision.models:{function}")


def check_name(preset: str) -> None:
    """Raise `UnknownName` for a network that its package does not have, `ModelError` where the package is absent."""
    package, _, name = preset.partition("/")
    known = _names(package)
    if name in known:
        return
    hint = f"use {ELSEWHERE[name]}" if name in ELSEWHERE else suggestion(name, known)
    raise UnknownName(f"{package} {metadata.version(package)} has no model {name!r}; {hint}")


def native(preset: str) -> Native:
    """Classes and side of the images that the network's first published weights were trained on (ImageNet: 1000)."""
    package, _, name = preset.partition("/")
    if package == "timm":
        config = load_dotted("timm.models:get_pretrained_cfg")(name)
        return Native(config.num_classes, config.input_size[-1]) if config else Native(1000, 224)
    weights = next(iter(_zoo("get_model_weights")(name)))
    return Native(len(weights.meta["categories"]), weights.transforms.keywords["crop_size"])


def published_accuracy(preset: str, which: Literal["acc@1", "acc@5"]) -> float | None:
    """Accuracy on ImageNet that torchvision states for its first weights of the network, a fraction; None for timm."""
    package, _, name = preset.partition("/")
    if package == "timm":
        return None
    percent = float(next(iter(_zoo("get_model_weights")(name))).meta["_metrics"]["ImageNet-1K"][which])
    return round(percent / 100, 5)


def lists(package: str, name: str) -> bool:
    """Whether `package`, torchvision or timm, has a classification network called `name`."""
    return name in _names(package)


@lru_cache(maxsize=4096)
def takes_dropout(preset: str) -> bool:
    """Whether the class of the network has `dropout` (timm: `drop_rate`) among its arguments.

    A function that does not say which class it makes is taken to pass it on, and a name that its package does not have
    is for `check_name` to refuse.
    """
    package, _, name = preset.partition("/")
    if importlib.util.find_spec(package) is None or not lists(package, name):
        return True
    timm = package == "timm"
    function = load_dotted("timm.models:model_entrypoint")(name) if timm else _zoo("get_model_builder")(name)
    argument = "drop_rate" if timm else "dropout"
    made = inspect.signature(function, eval_str=True).return_annotation
    if made is inspect.Signature.empty:
        return True
    return any(argument in inspect.signature(each.__init__).parameters for each in made.__mro__)


def assemble_external(spec: ExternalSpec) -> nn.Module:
    """The network of `spec`, initialised by its own package from torch's generator."""
    package, _, name = spec.preset.partition("/")
    try:
        if package == "timm":
            return _from_timm(name, spec)
        return _from_torchvision(name, spec)
    except TypeError as error:
        raise ModelError(f"{spec.preset} cannot be built with {_stated(spec)}: {error}") from error


def _from_torchvision(name: str, spec: ExternalSpec) -> nn.Module:
    if spec.in_channels != 3:
        raise ModelError(
            f"{spec.preset} takes images of 3 channels, not {spec.in_channels}; networks of timm take any number"
        )
    options: dict[str, Any] = {} if spec.dropout is None else {"dropout": spec.dropout}
    if spec.aux_heads is not None:
        options |= {"aux_logits": spec.aux_heads == "trained", "init_weights": True}
    network = _zoo("get_model")(name, weights=None, num_classes=spec.num_classes, **options)
    if spec.aux_heads == "trained":
        weight = AUXILIARY_WEIGHTS[spec.preset]
        network.register_forward_hook(lambda _module, _images, given: _outputs(given, weight))
    return cast(nn.Module, network)


def _from_timm(name: str, spec: ExternalSpec) -> nn.Module:
    config = load_dotted("timm.models:get_pretrained_cfg")(name)
    options: dict[str, Any] = {} if spec.dropout is None else {"drop_rate": spec.dropout}
    if config and config.fixed_input_size:
        options["img_size"] = spec.input_size
    make = load_dotted("timm:create_model")
    return cast(nn.Module, make(name, num_classes=spec.num_classes, in_chans=spec.in_channels, **options))


def _outputs(given: Any, weight: float) -> Tensor | Outputs:
    """In training these networks give (logits, auxiliary, ...), else logits alone."""
    return Outputs(given[0], tuple(given[1:]), weight) if isinstance(given, tuple) else given


def _names(package: str) -> list[str]:
    if package == "torchvision":
        return cast(list[str], _zoo("list_models")(module=importlib.import_module("torchvision.models")))
    if importlib.util.find_spec("timm") is None:
        raise ModelError("timm is not installed; pip install timm")
    return cast(list[str], load_dotted("timm:list_models")())


def _stated(spec: ExternalSpec) -> Mapping[str, Any]:
    return {name: value for name, value in spec.as_json().items() if name not in ("preset", "version")}
