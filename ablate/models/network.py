"""From a spec, of whichever kind, to an `nn.Module`."""

from torch import nn

from ablate.models.builders import assemble_builder
from ablate.models.external import assemble_external
from ablate.models.family import assemble_family
from ablate.models.initialise import initialise
from ablate.models.repeatable import repeatable
from ablate.models.resolve import resolve
from ablate.models.spec import BuilderSpec, ExternalSpec, ModelSpec, NetworkSpec


def build(preset: str, *, seed: int = 0, **fields: object) -> nn.Module:
    """Build and initialise a network: `build("mini_xception", width=0.5, downsample="maxpool")`.

    `preset` may be `torchvision/NAME` or `timm/NAME`. `fields` are those of a study's `model:` section; what is left
    out is the preset's own. Input (n, in_channels, H, W), output (n, num_classes), float32. Raises `UnknownName` for an
    unknown preset or field, `ModelError` for a bad value.
    """
    return initialised(resolve(preset, fields), seed)


def assemble(spec: NetworkSpec) -> nn.Module:
    """The modules of `spec`, their values left to chance; under `torch.device("meta")` presets take no memory.

    Raises `ModelError` for what cannot be built.
    """
    match spec:
        case ModelSpec():
            return assemble_family(spec)
        case ExternalSpec():
            return assemble_external(spec)
        case BuilderSpec():
            return assemble_builder(spec)


def initialised(spec: NetworkSpec, seed: int) -> nn.Module:
    """The network of `spec` as training with `seed` starts from it.

    A preset is drawn as `initialise` says. Any other network keeps the initialisation of its own source, with every
    random number drawn anew from the seed and the place of what it fills (`repeatable`).
    """
    if isinstance(spec, ModelSpec):
        network = assemble(spec)
        initialise(network, seed, spec.init)
        return network
    return repeatable(lambda: assemble(spec), seed)
