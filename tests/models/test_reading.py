"""`fields_read` against the networks themselves: a field is read if and only if some value of it changes something."""

from functools import cached_property
from typing import Any

import pytest
import torch
from torch import Tensor

from ablate.errors import ModelError
from ablate.models import FIELDS, PRESETS, build, resolve
from ablate.models.reading import fields_read
from ablate.models.spec import CHOICES

BASE: dict[str, Any] = {"width": 0.02, "middle_depth": 1, "num_classes": 3, "input_size": 24}

# What a field may be instead; the first value that changes a network ends the search.
VALUES: dict[str, list[Any]] = {
    **{name: list(values) for name, values in CHOICES.items()},
    "width": [0.05],
    "channel_multiple": [4],
    "middle_depth": [0, 2],
    "downsample_kernel": [(1, 1), (3, 3), (5, 1)],
    "segments": ["depthwise", 1, 2],
    "bias": [False, True],
    "dropout": [0.5],
    "num_classes": [4],
    "input_size": [25],
    "in_channels": [1],
}

# Fields set beside BASE; what is read may depend on them.
CONTEXTS: list[dict[str, Any]] = [
    {"residual": "none"},
    {"residual": "add"},
    {"middle_depth": 0},
    {"downsample": "maxpool", "residual": "none"},
    {"downsample": "spd", "residual": "none"},
    {"downsample": "strided_depthwise", "residual": "add"},
    {"downsample": "maxpool", "residual": "add"},
    {"downsample": "avgpool", "skip_downsample": "same", "residual": "add"},
    {"downsample": "strided", "skip_downsample": "strided", "residual": "add"},
    {"downsample": "blurpool", "middle_depth": 0, "residual": "none"},
    {"relu_placement": "full_pre", "norm_placement": "branch"},
    {"relu_placement": "none", "norm_placement": "after_add", "residual": "none"},
]
# Of those contexts the fields that change how a network is made up; the others are tried on the presets as they are.
STRUCTURE = ("middle_depth", "downsample_kernel", "separable_order", *CHOICES)


class Sample:
    """The network of `fields`, and what it gives for images as it takes them; raises `ModelError`."""

    def __init__(self, preset: str, fields: dict[str, Any]) -> None:
        self.spec = resolve(preset, fields)
        self.network = build(preset, **fields)
        self.state = {path: values.clone() for path, values in self.network.state_dict().items()}

    @cached_property
    def outputs(self) -> list[Tensor]:
        """Logits in training, with the same dropout every time, then in evaluation."""
        torch.manual_seed(0)
        shape = (4, self.spec.in_channels, self.spec.input_size, self.spec.input_size)
        images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return [self.network.train(mode)(images) for mode in (True, False)]

    def differs(self, other: "Sample") -> bool:
        """Whether the two are different networks, or see different images."""
        if list(self.state) != list(other.state) or self.spec.input_size != other.spec.input_size:
            return True
        pairs = zip(self.state.values(), other.state.values(), strict=True)
        if any(not torch.equal(one, two) for one, two in pairs):
            return True
        return any(not torch.equal(one, two) for one, two in zip(self.outputs, other.outputs, strict=True))


def fields_with_effect(preset: str, context: dict[str, Any], names: tuple[str, ...]) -> set[str]:
    """Those of `names` of which some other value changes the network, or is refused: whoever sets it hears of it."""
    fields = {**BASE, **context}
    base = Sample(preset, fields)

    def has_effect(name: str, value: Any) -> bool:
        try:
            return value != getattr(base.spec, name) and base.differs(Sample(preset, {**fields, name: value}))
        except ModelError:
            return True

    return {name for name in names if any(has_effect(name, value) for value in VALUES[name])}


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_read_is_what_has_an_effect(preset: str) -> None:
    assert set(VALUES) == set(FIELDS)
    assert set(fields_read(resolve(preset, BASE))) == fields_with_effect(preset, {}, FIELDS)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: ",".join(map(str, context.values())))
def test_what_is_read_beside_other_fields(preset: str, context: dict[str, Any]) -> None:
    read = set(fields_read(resolve(preset, {**BASE, **context})))
    assert read & set(STRUCTURE) == fields_with_effect(preset, context, STRUCTURE)


# By reading the sources: what has no skip connections has nothing to say about them, and so on.
UNREAD = [
    ("mobilenet_v1", {}, {"skip_downsample", "skip_norm", "downsample_kernel"}),
    ("mobilenet_v1", {"residual": "add"}, {"skip_downsample", "downsample_kernel"}),
    ("xception_guide", {}, {"skip_downsample", "downsample_kernel"}),
    ("xception", {}, {"downsample_kernel"}),
    ("xception", {"downsample": "strided"}, set()),
    ("xception", {"residual": "none"}, {"downsample_kernel", "skip_downsample", "skip_norm"}),
    ("mini_xception", {}, set()),
    ("mini_xception", {"residual": "none"}, {"skip_downsample", "skip_norm"}),
    ("mini_xception", {"downsample": "strided_depthwise"}, {"downsample_kernel", "skip_downsample"}),
]


@pytest.mark.parametrize(("preset", "fields", "unread"), UNREAD)
def test_fields_without_a_use(preset: str, fields: dict[str, Any], unread: set[str]) -> None:
    assert set(FIELDS) - set(fields_read(resolve(preset, fields))) == unread


def test_an_external_network_reads_what_it_takes() -> None:
    shape = {"num_classes", "input_size", "in_channels"}
    assert set(fields_read(resolve("torchvision/resnet18", {}))) == {*shape}
    assert set(fields_read(resolve("torchvision/vgg11", {}))) == {"dropout", *shape}
    assert set(fields_read(resolve("torchvision/googlenet", {}))) == {"aux_heads", "dropout", *shape}
