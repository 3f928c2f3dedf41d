"""What a careful researcher writes without a harness: one network, torchvision transforms, a DataLoader, fp32.

`ablate bench` measures the harness against this script, which therefore is as quick as the usual means allow: workers
that stay from epoch to epoch, pinned memory, non-blocking copies, a fused optimizer, cuDNN's own choice of algorithms,
no reading of the loss within an epoch, and both memory layouts to choose from. Of the harness it takes the network's
modules with their first weights and the arrays of the images, nothing else, so that both train the same thing.

    python tests/benchmarks/handwritten.py TASK.json

TASK.json holds `model`, `data` and `train` as plan.json has them, `seed`, `device`, `loader_processes`, `layout`
(channels_last or contiguous), and `pace`: `none` trains and scores, `rounds` trains an epoch a line of standard input.
Every epoch prints {"images", "seconds", "train_loss"}; scoring prints {"accuracy"} of the test split.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from ablate.data import DATASETS, training_subset
from ablate.lookup import load_dotted
from ablate.models.network import initialised
from ablate.models.spec import spec_from_json
from ablate.schema import DataConfig, TrainConfig

LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
PADDING = 4
UNTIMED = 2  # first batches of an epoch, while the loader fills up

# A script does one thing; of a recipe that asks for another it would measure something else.
WRITTEN: dict[str, tuple[object, ...]] = {
    "optimizer": ("sgd",),
    "schedule": ("one_cycle", "constant"),
    "steps": (None,),
    "warmup_epochs": (0.0,),
    "label_smoothing": (0.0,),
    "augment": ("auto", "crop_flip", "crop", "flip", "none"),
    "rotation_degrees": (None,),
    "test_crop": (None,),
    "average_decay": (None,),
    "stop_patience_epochs": (None,),
}


class Images(Dataset[tuple[Tensor, int]]):
    """Pictures one by one, as torchvision's own data sets give them: an array, an image, the transforms."""

    def __init__(self, arrays: Any, labels: Any, transform: transforms.Compose) -> None:
        self.arrays = arrays.transpose(0, 2, 3, 1)
        self.labels = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.arrays[index])), self.labels[index]


def main(task: dict[str, Any]) -> None:
    """Train and score one network."""
    device = torch.device(task["device"])
    recipe = TrainConfig(**task["train"])
    check_written(recipe)
    torch.manual_seed(task["seed"])
    torch.backends.cudnn.benchmark = True
    training, test = loaders(task, recipe, device)
    layout = LAYOUTS[task["layout"]]
    network = initialised(spec_from_json(task["model"]), task["seed"]).to(device, memory_format=layout)
    optimizer = sgd(network, recipe)
    schedule = schedule_of(optimizer, recipe, len(training))
    for _ in epochs(task, recipe):
        network.train()
        loss, images, seconds = train(network, training, optimizer, schedule, device, layout)
        say({"images": images, "seconds": seconds, "train_loss": loss})
    if task["pace"] == "none":
        say({"accuracy": accuracy(network, test, device, layout)})


def say(message: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def check_written(recipe: TrainConfig) -> None:
    """End with a sentence for a recipe that this script does not train."""
    for field, choices in WRITTEN.items():
        if getattr(recipe, field) not in choices:
            raise SystemExit(f"train.{field}: {getattr(recipe, field)!r} is not in this script; it has {choices}")


def epochs(task: dict[str, Any], recipe: TrainConfig) -> Iterator[object]:
    """As many as the recipe says, or one a line of standard input."""
    if task["pace"] == "rounds":
        return iter(sys.stdin)
    return iter(range(recipe.epochs or 0))


def loaders(
    task: dict[str, Any], recipe: TrainConfig, device: torch.device
) -> tuple[DataLoader[tuple[Tensor, int]], DataLoader[tuple[Tensor, int]]]:
    """Of the training subset, shuffled and augmented, and of the test split."""
    config = DataConfig(**task["data"])
    data_set = DATASETS[config.name]
    load, info = load_dotted(data_set.load), data_set.describe(config)
    train, test = load(config, "train"), load(config, "test")
    subset = training_subset(train.labels, config.train_limit, config.seed, info.classes)
    arrays, labels = train.images[subset], train.labels[subset]
    mean, std = (arrays / 255).mean((0, 2, 3)), (arrays / 255).std((0, 2, 3))
    finish = [transforms.ToTensor(), transforms.Normalize(mean.tolist(), std.tolist())]
    kind = info.augment if recipe.augment == "auto" else recipe.augment
    transform = transforms.Compose([*augmentation(kind, arrays.shape[2]), *finish])
    count = task["loader_processes"]
    common: dict[str, Any] = {"num_workers": count, "persistent_workers": count > 0}
    common["pin_memory"] = device.type == "cuda"
    training = DataLoader(Images(arrays, labels, transform), recipe.batch_size, shuffle=True, drop_last=True, **common)
    scoring = DataLoader(Images(test.images, test.labels, transforms.Compose(finish)), batch_size=500, **common)
    return training, scoring


def augmentation(kind: str, side: int) -> list[Any]:
    """Random crops of reflected images, and flips."""
    crop = [transforms.RandomCrop(side, padding=PADDING, padding_mode="reflect")]
    flip = [transforms.RandomHorizontalFlip()]
    return {"crop_flip": crop + flip, "crop": crop, "flip": flip, "none": []}[kind]


def sgd(network: nn.Module, recipe: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum; weight decay on the weights of convolutions and linear layers."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    rest = [parameter for parameter in network.parameters() if parameter.ndim == 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, fused=True)


def schedule_of(
    optimizer: torch.optim.Optimizer, recipe: TrainConfig, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The rate of every step: one cycle over the recipe's epochs, or always the same."""
    if recipe.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    steps = (recipe.epochs or 0) * steps_per_epoch
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, total_steps=steps, cycle_momentum=False)


def train(
    network: nn.Module,
    loader: DataLoader[tuple[Tensor, int]],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device,
    layout: torch.memory_format,
) -> tuple[float, int, float]:
    """One epoch: mean loss, and how many images were seen in how many seconds after the first batches."""
    losses = torch.zeros((), device=device)
    started, first = time.perf_counter(), min(UNTIMED, len(loader) - 1)
    for number, (images, labels) in enumerate(loader):
        images = images.to(device, memory_format=layout, non_blocking=True)
        labels = labels.to(device, non_blocking=True)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses += loss.detach()
        if number + 1 == first:
            losses.item()
            started = time.perf_counter()
    mean = losses.item() / len(loader)
    timed = (len(loader) - first) * (loader.batch_size or 0)
    return mean, timed, time.perf_counter() - started


@torch.no_grad()
def accuracy(
    network: nn.Module, loader: DataLoader[tuple[Tensor, int]], device: torch.device, layout: torch.memory_format
) -> float:
    """Top-1 on the test split."""
    network.eval()
    correct = torch.zeros((), dtype=torch.int64, device=device)
    count = 0
    for images, labels in loader:
        logits = network(images.to(device, memory_format=layout, non_blocking=True))
        correct += (logits.argmax(1) == labels.to(device, non_blocking=True)).sum()
        count += len(labels)
    return correct.item() / count


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
