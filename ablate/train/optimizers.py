"""Optimizers by name. Weight decay falls on convolution and linear weights only, never on BN or biases."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ablate.schema import TrainConfig

Groups = list[dict[str, Any]]


def sgd(groups: Groups, recipe: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum, without Nesterov's look-ahead."""
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, fused=True)


def adamw(groups: Groups, recipe: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) with torch's betas; `momentum` is not read."""
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=True)


def adam(groups: Groups, recipe: TrainConfig) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015) with torch's betas; weight decay is added to the gradient, `momentum` is not read."""
    return torch.optim.Adam(groups, lr=recipe.lr, fused=True)


def rmsprop(groups: Groups, recipe: TrainConfig) -> torch.optim.Optimizer:
    """RMSprop with momentum, smoothing 0.9 (Tieleman & Hinton 2012, lecture 6.5) and epsilon 1e-8.

    Both are the defaults of Keras 1, whose author's paper gives neither; the mean square starts at 0.
    """
    return torch.optim.RMSprop(groups, lr=recipe.lr, momentum=recipe.momentum, alpha=0.9, eps=1e-8)


OPTIMIZERS: dict[str, Callable[[Groups, TrainConfig], torch.optim.Optimizer]] = {
    "sgd": sgd,
    "adamw": adamw,
    "adam": adam,
    "rmsprop": rmsprop,
}


def optimizer_for(network: nn.Module, recipe: TrainConfig) -> torch.optim.Optimizer:
    """The recipe's optimizer over the parameters of `network`, those that decay and those that do not."""
    decayed = [module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    chosen = {id(parameter) for parameter in decayed}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
    groups: Groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return OPTIMIZERS[recipe.optimizer](groups, recipe)
