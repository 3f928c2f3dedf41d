"""What a training starts from: a network with its first weights, and the splits of its data, on the training device.

A worker meets the same sets trial after trial; two of each are kept, since a factor may vary the data.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import nn

from ablate.data import DATASETS
from ablate.data.subset import held_out, training_subset
from ablate.data.types import Split, SplitName
from ablate.lookup import load_dotted
from ablate.models.network import initialised
from ablate.models.spec import NetworkSpec
from ablate.schema import DataConfig
from ablate.train.precision import keep_logits_fp32
from ablate.train.sets import EvaluationSet, TrainingSet, evaluation_set, training_set


def network_on(device: torch.device, spec: NetworkSpec, seed: int) -> nn.Module:
    """The network of `spec` as training with `seed` starts from it, channels last."""
    network = initialised(spec, seed)
    keep_logits_fp32(network)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@lru_cache(maxsize=2)
def split_of(data: DataConfig, name: SplitName) -> Split:
    """A split as it is stored."""
    loaded: Split = load_dotted(DATASETS[data.name].load)(data, name)
    return loaded


@lru_cache(maxsize=2)
def training_data(data: DataConfig, augment: str, side: int, device: torch.device) -> TrainingSet:
    """The training subset for a network that takes images of `side` pixels, with what is held out of it.

    `augment` is as a recipe has it: `auto` means what the set itself says.
    """
    info, split = DATASETS[data.name].describe(data), split_of(data, "train")
    subset = training_subset(split.labels, data.train_limit, data.seed, info.classes)
    validation = subset[held_out(split.labels[subset], data.validation, data.seed, info.classes)]
    trained_on = np.setdiff1d(subset, validation, assume_unique=True)
    kind = info.augment if augment == "auto" else augment
    return training_set(split, trained_on, kind, device, side=side, held_out=validation)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def test_data(data: DataConfig, device: torch.device) -> EvaluationSet:
    """The whole test split; `trial.evaluate` is what may look at it."""
    return evaluation_set(split_of(data, "test"), device)
