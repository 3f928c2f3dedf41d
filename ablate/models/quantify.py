"""Counting what quantities.py names. A quantity that a network does not have is None, never 0."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import torch
from torch import Tensor, nn

from ablate.errors import ModelError
from ablate.lookup import load_dotted, suggestion
from ablate.models import counts
from ablate.models.blocks import SkipBlock
from ablate.models.counts import Layer, count, countable, forward, layers, parameters
from ablate.models.external import lists, published_accuracy
from ablate.models.fvcore_counts import fvcore_count
from ablate.models.presets import Middle
from ablate.models.quantities import QUANTITIES, check_quantity
from ablate.models.resolve import PRESETS
from ablate.models.spec import ExternalSpec, ModelSpec, NetworkSpec

# Kinds of leaf modules that `in_a_row` knows, besides the names of classes.
KINDS: dict[str, Callable[[nn.Module], bool]] = {
    "depthwise": lambda module: isinstance(module, nn.Conv2d) and _is_depthwise(module),
    "pointwise": lambda module: isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1,
    "conv": lambda module: isinstance(module, nn.Conv2d),
    "norm": lambda module: isinstance(module, nn.BatchNorm2d),
    "relu": lambda module: isinstance(module, nn.ReLU),
}

BODY = "features"  # what torchvision and timm call the body of a network that has no other stages


@dataclass(frozen=True)
class Subject:
    """The network of `spec`, built and run once for whatever is asked of it."""

    spec: NetworkSpec

    @cached_property
    def network(self) -> nn.Module:
        """Without values, in evaluation mode."""
        return countable(self.spec)[0].eval()

    @cached_property
    def modules(self) -> dict[str, nn.Module]:
        """Path -> module, the network itself left out."""
        return {path: module for path, module in self.network.named_modules() if path}

    @cached_property
    def leaves(self) -> list[Layer]:
        """In the order in which an image passes them."""
        return layers(self.spec)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Path -> (channels, height, width) of the feature maps that the module puts out, in the order of the pass."""
        return _shapes(self.spec)

    def below(self, pattern: str) -> list[nn.Module]:
        """The modules that `pattern` names, one inside another only once; without a pattern the network.

        Raises `ModelError` where there is none.
        """
        if not pattern:
            return [self.network]
        named = [path for path in self.modules if fnmatchcase(path, pattern)]
        if not named:
            known = suggestion(pattern, self._stage_names())
            raise ModelError(f"{self.spec.preset} has no module {pattern!r}; {known}")
        outer = [path for path in named if not any(path.startswith(f"{other}.") for other in named)]
        return [self.modules[path] for path in outer]

    def shape(self, path: str) -> tuple[int, int, int]:
        """What the module at `path` puts out; raises `ModelError` for one that puts out no feature maps."""
        if path not in self.shapes:
            named = suggestion(path, self._stage_names())
            raise ModelError(f"{self.spec.preset} has no module {path!r} that puts out feature maps; {named}")
        return self.shapes[path]

    def _stage_names(self) -> list[str]:
        return [path for path in self.shapes if path.count(".") <= 1]


def measured(spec: NetworkSpec, quantities: Sequence[str]) -> dict[str, float | None]:
    """Each of `quantities` of the network of `spec`; None where it has no such number.

    Raises `UnknownName` for an unknown quantity, `ModelError` for a path that the network does not have.
    """
    subject = Subject(spec)
    return {name: _measured(subject, name) for name in quantities}


def stages(spec: NetworkSpec) -> list[tuple[str, tuple[int, int, int]]]:
    """Path and (channels, height, width) of every stage, in the order of the pass.

    The stages of a preset are its rows, those of any other network its outermost modules whose feature maps differ in
    shape from those before.
    """
    shapes = _shapes(spec)
    if isinstance(spec, ModelSpec):
        return [(path, shapes[path]) for path in _rows(spec)]
    found: list[tuple[str, tuple[int, int, int]]] = []
    for path in filter(_is_outermost, shapes):
        if not found or found[-1][1] != shapes[path]:
            found.append((path, shapes[path]))
    return found or [("output", shape) for shape in shapes.values()]


def params(subject: Subject, path: str) -> float:
    return sum(parameters(module) for module in subject.below(path))


def params_with_statistics(subject: Subject, path: str) -> float:
    norms = [module for module in subject.network.modules() if isinstance(module, nn.BatchNorm2d)]
    return params(subject, "") + sum(2 * norm.num_features for norm in norms if norm.track_running_stats)


def params_share(subject: Subject, path: str) -> float:
    return params(subject, path) / params(subject, "")


def macs(subject: Subject, path: str) -> float:
    if not path:
        return count(subject.spec).macs
    subject.below(path)
    return sum(leaf.macs for leaf in subject.leaves if _lies_below(leaf.name, path))


def flops(subject: Subject, path: str) -> float:
    return 2 * macs(subject, "")


def fvcore_flops(subject: Subject, path: str) -> float:
    return fvcore_count(subject.spec).total


def macs_with_aux_heads(subject: Subject, path: str) -> float:
    return counts.macs_with_aux_heads(subject.spec)


def conv_modules(subject: Subject, path: str) -> float:
    return len(list(_convolutions(subject, path)))


def conv_layers(subject: Subject, path: str) -> float | None:
    if not isinstance(subject.spec, ModelSpec):
        return None
    convs = [name for name, module in subject.modules.items() if isinstance(module, nn.Conv2d)]
    return sum("skip" not in name.split(".") and not name.endswith(".depthwise") for name in convs)


def separables(subject: Subject, path: str) -> float:
    return sum(_is_depthwise(module) for module in _convolutions(subject, path))


def skips(subject: Subject, path: str) -> float | None:
    if not isinstance(subject.spec, ModelSpec):
        return None
    blocks = [module for top in subject.below(path) for module in top.modules() if isinstance(module, SkipBlock)]
    return sum(block.skip is not None for block in blocks)


def relus(subject: Subject, path: str) -> float | None:
    if not isinstance(subject.spec, ModelSpec):
        return None  # which may have one module run in many places, or none at all
    return sum(isinstance(module, nn.ReLU) for top in subject.below(path) for module in top.modules())


def in_a_row(subject: Subject, path: str) -> float:
    wanted = path.split(">")
    passed = [subject.modules[leaf.name] for leaf in subject.leaves]
    starts = range(len(passed) - len(wanted) + 1)
    return sum(all(map(_is_kind, passed[start : start + len(wanted)], wanted)) for start in starts)


def side(subject: Subject, path: str) -> float:
    _, height, width = subject.shape(path)
    if height != width:
        raise ModelError(f"{subject.spec.preset}: {path} puts out {height} x {width}, which has no one side")
    return height


def channels(subject: Subject, path: str) -> float:
    return subject.shape(path)[0]


def top1(subject: Subject, path: str) -> float | None:
    return published_accuracy(subject.spec.preset, "acc@1") if isinstance(subject.spec, ExternalSpec) else None


def top5(subject: Subject, path: str) -> float | None:
    return published_accuracy(subject.spec.preset, "acc@5") if isinstance(subject.spec, ExternalSpec) else None


def listed(subject: Subject, path: str) -> float | None:
    if not isinstance(subject.spec, ExternalSpec):
        return None
    return float(lists(subject.spec.preset.partition("/")[0], path))


def _measured(subject: Subject, name: str) -> float | None:
    check_quantity(name)
    base, _, path = name.partition(":")
    value: float | None = load_dotted(QUANTITIES[base].function)(subject, path)
    return value


def _convolutions(subject: Subject, path: str) -> Iterator[nn.Conv2d]:
    for top in subject.below(path):
        yield from (module for module in top.modules() if isinstance(module, nn.Conv2d))


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups == conv.in_channels > 1


def _is_kind(module: nn.Module, kind: str) -> bool:
    return KINDS[kind](module) if kind in KINDS else type(module).__name__ == kind


def _lies_below(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}.*")


@torch.no_grad()
def _shapes(spec: NetworkSpec) -> dict[str, tuple[int, int, int]]:
    network, images = countable(spec)
    found: dict[str, tuple[int, int, int]] = {}

    def hook_of(path: str) -> Callable[[nn.Module, tuple[Tensor, ...], object], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                found[path] = (output.shape[1], output.shape[2], output.shape[3])

        return hook

    for path, module in network.named_modules():
        module.register_forward_hook(hook_of(path))
    forward(spec, network.eval(), images)
    return found


def _rows(spec: ModelSpec) -> list[str]:
    rows = PRESETS[spec.preset].rows
    return [row.name for row in rows if not isinstance(row, Middle) or spec.middle_depth > 0]


def _is_outermost(path: str) -> bool:
    """Whether `path` is a stage: a child of the network, or of its body where it has one."""
    return path not in ("", BODY) and "." not in path.removeprefix(f"{BODY}.")
