"""From the rows of a preset to an `nn.Module`: the one builder behind all of them."""

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from ablate.errors import ModelError
from ablate.models.blocks import Head, block_row, conv_row, separable_row
from ablate.models.presets import Block, Conv, Middle, Row, Separable
from ablate.models.resolve import PRESETS
from ablate.models.spec import ModelSpec


def assemble_family(spec: ModelSpec) -> nn.Module:
    """The modules of `spec` with torch's own initial values.

    Raises `ModelError` where the input size leaves a convolution nothing to work on.
    """
    rows = PRESETS[spec.preset].rows
    if spec.input_size < (least := _least_side(rows)):
        raise ModelError(
            f"model.input_size: {spec.input_size} is too small for {spec.preset}, whose convolutions without padding "
            f"need at least {least}"
        )
    groups: OrderedDict[str, nn.Module] = OrderedDict()
    channels = spec.in_channels
    for row in _singles(rows, spec):
        module, channels = _module(row, channels, spec)
        _place(groups, row.name, module)
    return nn.Sequential(OrderedDict(**groups, head=Head(channels, spec)))


def _least_side(rows: tuple[Row, ...]) -> int:
    """The smallest input of which every row leaves something."""
    side = 1
    for row in reversed(rows):
        if isinstance(row, Conv):
            side = max(1, (side - 1) * row.stride + 3 - 2 * row.padding)
        elif isinstance(row, Block) and row.resolution == "halve":
            side = 2 * side - 1
    return side


def _singles(rows: tuple[Row, ...], spec: ModelSpec) -> Iterator[Conv | Block | Separable]:
    """The rows with every middle flow spelled out as its blocks."""
    for row in rows:
        if isinstance(row, Middle):
            yield from (Block(f"{row.name}.{number}", row.channels) for number in range(spec.middle_depth))
        else:
            yield row


def _module(row: Conv | Block | Separable, channels: int, spec: ModelSpec) -> tuple[nn.Module, int]:
    """The module of `row` on `channels` channels, and the channels that leave it."""
    match row:
        case Conv():
            return conv_row(row, channels, spec), spec.channels(row.channels)
        case Block():
            return block_row(row, channels, spec), spec.channels(row.channels[-1])
        case Separable():
            return separable_row(row, channels, spec), spec.channels(row.channels)


def _place(groups: OrderedDict[str, nn.Module], path: str, module: nn.Module) -> None:
    """Put `module` at `group` or `group.member`, where a group runs its members in order."""
    group, dot, member = path.partition(".")
    if dot:
        groups.setdefault(group, nn.Sequential()).add_module(member, module)
    else:
        groups[group] = module
