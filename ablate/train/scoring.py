"""What a network makes of images that it does not train on: the one path for validation and for the test split."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablate.schema import TrainConfig
from ablate.train.precision import arithmetic, settled
from ablate.train.sets import EvaluationSet, TrainingSet
from ablate.train.views import evaluation_view, normalise

BATCH = 500
PIXELS = BATCH * 96 * 96  # in a batch at most, so that large images do not fill the memory


@torch.no_grad()
def score(
    network: nn.Module,
    images: EvaluationSet,
    data: TrainingSet,
    recipe: TrainConfig,
    on_batch: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats, fp32, and whether top-1 is right, of every image; both (n,), on the device.

    The network is left in evaluation mode; pixels are normalised by the statistics of `data`. `on_batch` is
    called before every batch.
    """
    network.eval()
    losses, hits = [], []
    labels = images.labels
    size = min(BATCH, max(1, PIXELS // data.side**2))
    for first in range(0, len(labels), size):
        on_batch()
        batch = slice(first, first + size)
        pixels = evaluation_view(images.part(batch), data.side, recipe.test_crop)
        with arithmetic(labels.device, settled(recipe.precision)):
            logits = network(normalise(pixels, data.mean, data.std)).float()
        losses.append(F.cross_entropy(logits, labels[batch], reduction="none"))
        hits.append(logits.argmax(1) == labels[batch])
    return torch.cat(losses), torch.cat(hits)
