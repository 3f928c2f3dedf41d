"""Which fields its network depends on: a factor over any other would compare a network with itself."""

from collections.abc import Callable

from ablate.models.presets import Block, Middle, Row
from ablate.models.resolve import PRESETS, fields_of
from ablate.models.spec import ModelSpec, NetworkSpec

Rows = tuple[Row, ...]


def fields_read(spec: NetworkSpec) -> tuple[str, ...]:
    """The fields of `model:` that `spec` has a use for; free of torch, held to the networks themselves by a test."""
    if not isinstance(spec, ModelSpec):
        return fields_of(spec.preset)
    rows = PRESETS[spec.preset].rows
    return tuple(name for name in fields_of(spec.preset) if name not in CONDITIONS or CONDITIONS[name](spec, rows))


def _blocks(spec: ModelSpec, rows: Rows) -> list[Block]:
    """The blocks that are built: those of the middle flow only where it has any."""
    middle = [Block(row.name, row.channels) for row in rows if isinstance(row, Middle) and spec.middle_depth > 0]
    return [row for row in rows if isinstance(row, Block)] + middle


def _halving(spec: ModelSpec, rows: Rows) -> bool:
    return any(block.resolution == "halve" for block in _blocks(spec, rows))


def _skip_can_carry_operator(spec: ModelSpec, rows: Rows) -> bool:
    return _halving(spec, rows) and spec.residual == "add" and spec.downsample != "strided_depthwise"


def _has_kernel(spec: ModelSpec, rows: Rows) -> bool:
    return _halving(spec, rows) and spec.downsample in ("spd", "strided")


def _has_skip_convolution(spec: ModelSpec, rows: Rows) -> bool:
    # Every architecture widens somewhere, and where it does a skip connection needs a convolution.
    return bool(_blocks(spec, rows)) and spec.residual == "add"


# Fields that depend on others; what is not here is always read.
CONDITIONS: dict[str, Callable[[ModelSpec, Rows], bool]] = {
    "middle_depth": lambda spec, rows: any(isinstance(row, Middle) for row in rows),
    "downsample": _halving,
    "skip_downsample": _skip_can_carry_operator,
    "downsample_kernel": _has_kernel,
    "skip_norm": _has_skip_convolution,
}
