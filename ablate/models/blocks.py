"""Rows of an architecture as modules. Modules are named by role, so a path means the same in every variant."""

from collections import OrderedDict
from collections.abc import Iterator

from torch import Tensor, nn

from ablate.errors import ModelError
from ablate.models.activations import ACTIVATIONS
from ablate.models.downsample import DOWNSAMPLES, Downsample, Site
from ablate.models.presets import Block, Conv, Separable
from ablate.models.spec import ModelSpec

Named = tuple[str, nn.Module]


class SkipBlock(nn.Module):
    """A branch of named modules, the skip connection beside it (None: no addition), what follows the sum."""

    def __init__(self, branch: OrderedDict[str, nn.Module], skip: nn.Module | None, after: nn.Module | None) -> None:
        super().__init__()
        for name, module in branch.items():
            self.add_module(name, module)
        self.branch = tuple(branch)
        self.skip = skip
        self.after = after

    def forward(self, images: Tensor) -> Tensor:
        features = images
        for name in self.branch:
            features = self.get_submodule(name)(features)
        if self.skip is not None:
            features = features + self.skip(images)
        return features if self.after is None else self.after(features)


class Head(nn.Module):
    """Global average pooling, dropout, linear classifier: (n, channels, h, w) to (n, num_classes)."""

    def __init__(self, channels: int, spec: ModelSpec) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(channels, spec.num_classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.pool(features).flatten(1)))  # type: ignore[no-any-return]


def conv_row(row: Conv, channels: int, spec: ModelSpec) -> nn.Module:
    """3x3 convolution, BN, activation."""
    out = spec.channels(row.channels)
    conv = nn.Conv2d(channels, out, 3, stride=row.stride, padding=row.padding, bias=row.bias == "bias")
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out), act=_activation(spec)))


def separable_row(row: Separable, channels: int, spec: ModelSpec) -> nn.Module:
    """A lone separable convolution with its BN and activation, whatever `relu_placement` says of the blocks."""
    out = spec.channels(row.channels)
    parts: dict[str, nn.Module] = dict(_separable(row.name, channels, out, 1, spec).named_children())
    parts["norm"] = nn.BatchNorm2d(out)
    act = {"act": _activation(spec)}
    return nn.Sequential(OrderedDict(act | parts if row.activation == "before" else parts | act))


def block_row(row: Block, channels: int, spec: ModelSpec) -> nn.Module:
    """The block of figure 5: separable convolutions, the operator where it halves, a skip connection around both."""
    out = spec.channels(row.channels[-1])
    skip = _skip(row, channels, out, spec) if spec.residual == "add" else None
    return SkipBlock(OrderedDict(_branch(row, channels, spec)), skip, _after_sum(row, out, spec))


def _after_sum(row: Block, channels: int, spec: ModelSpec) -> nn.Module | None:
    norm = nn.BatchNorm2d(channels) if spec.norm_placement in ("after_add", "both") else None
    act = _activation(spec) if row.sum == "activated" else None
    if norm is None or act is None:
        return norm or act
    return nn.Sequential(OrderedDict(norm=norm, act=act))


def _branch(row: Block, channels: int, spec: ModelSpec) -> Iterator[Named]:
    widths = [channels, *(spec.channels(count) for count in row.channels)]
    last = len(row.channels)
    halving = DOWNSAMPLES[spec.downsample] if row.resolution == "halve" else None
    for number in range(1, last + 1):
        stride = 2 if number == last and halving is not None and halving.carrier == "last_depthwise" else 1
        yield from _unit(row, number, widths[number - 1], widths[number], stride, spec)
    if halving is not None and halving.carrier == "operator":
        if row.operator_entry == "activated" and spec.relu_placement in ("pre", "full_pre"):
            yield "down_act", _activation(spec)
        yield "down", halving.operator(Site(widths[-1], spec.downsample_kernel[0], spec.activation))


def _unit(row: Block, number: int, channels: int, out: int, stride: int, spec: ModelSpec) -> Iterator[Named]:
    """One separable convolution with its BN and activation in the order that `relu_placement` names."""
    sep = (f"sep{number}", _separable(row.name, channels, out, stride, spec))
    closing = number == len(row.channels)
    keeps_norm = not (closing and spec.norm_placement == "after_add")
    activated = not (number == 1 and row.entry == "bare")
    norm_out = [(f"norm{number}", nn.BatchNorm2d(out))] if keeps_norm else []
    act: list[Named] = [(f"act{number}", _activation(spec))]
    match spec.relu_placement:
        case "pre":
            yield from [*(act if activated else []), sep, *norm_out]
        case "post":
            yield from [sep, *norm_out, *act]
        case "full_pre":
            yield from [(f"norm{number}", nn.BatchNorm2d(channels)), *(act if activated else []), sep]
        case "none":
            yield from [sep, *norm_out]


def _separable(where: str, channels: int, out: int, stride: int, spec: ModelSpec) -> nn.Module:
    """Depthwise (or segmented) 3x3 and pointwise 1x1 in the order of the spec; `stride` is the 3x3's."""
    pointwise_first = spec.separable_order == "pointwise_first"
    spatial = out if pointwise_first else channels
    groups = _groups(where, spatial, spec)
    depthwise = nn.Conv2d(spatial, spatial, 3, stride=stride, padding=1, groups=groups, bias=spec.bias)
    pointwise = nn.Conv2d(channels, out, 1, bias=spec.bias)
    convs: list[Named] = [("depthwise", depthwise), ("pointwise", pointwise)]
    first, second = reversed(convs) if pointwise_first else convs
    between = _between(out if pointwise_first else channels, spec)
    return nn.Sequential(OrderedDict([first, *between, second]))


def _between(channels: int, spec: ModelSpec) -> list[Named]:
    """What stands between the two halves of a separable convolution."""
    norm: list[Named] = [("mid_norm", nn.BatchNorm2d(channels))] if spec.mid_norm == "batch" else []
    act: list[Named] = [("mid_act", ACTIVATIONS[spec.mid_activation]())] if spec.mid_activation != "none" else []
    return norm + act


def _groups(where: str, channels: int, spec: ModelSpec) -> int:
    if spec.segments == "depthwise":
        return channels
    if channels % spec.segments == 0:
        return spec.segments
    divisors = ", ".join(str(count) for count in range(1, channels + 1) if channels % count == 0)
    raise ModelError(
        f"model.segments: {spec.segments} does not divide the {channels} channels of {where} in {spec.preset} at "
        f"width {spec.width:g}; choose one of {divisors}, or depthwise"
    )


def _skip(row: Block, channels: int, out: int, spec: ModelSpec) -> nn.Module:
    if row.resolution == "keep" and channels == out:
        return nn.Identity()
    halving = DOWNSAMPLES[spec.downsample] if row.resolution == "halve" else None
    strided = halving is not None and _stride_is_the_convolutions(halving, spec)
    conv = nn.Conv2d(channels, out, 1, stride=2 if strided else 1, bias=False)
    skip = OrderedDict[str, nn.Module](conv=conv)
    if spec.skip_norm == "batch":
        skip["norm"] = nn.BatchNorm2d(out)
    if halving is not None and not strided:
        skip["down"] = halving.operator(Site(out, spec.downsample_kernel[1], spec.activation))
    return nn.Sequential(skip)


def _stride_is_the_convolutions(halving: Downsample, spec: ModelSpec) -> bool:
    # A skip branch has no depthwise: `same` as a strided depthwise means that its one convolution carries the stride.
    return spec.skip_downsample == "strided" or halving.carrier == "last_depthwise"


def _activation(spec: ModelSpec) -> nn.Module:
    return ACTIVATIONS[spec.activation]()
