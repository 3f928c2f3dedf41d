"""The training loop: its arithmetic by hand, what it sees and when it stops, and golden losses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ablate.errors import DataError
from ablate.models import build
from ablate.randomness import permutation
from ablate.schema import TrainConfig
from ablate.train import TRAINING_VERSION
from ablate.train.fit import Fitted, Point, fit
from ablate.train.schedules import factor
from ablate.train.sets import TrainingSet
from ablate.train.views import normalise

MakeData = Callable[..., TrainingSet]
Array = NDArray[np.float64]

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[str, Any] = {"width": 0.25, "middle_depth": 0, "num_classes": 4}


def recipe(**fields: Any) -> TrainConfig:
    length = {} if {"epochs", "steps"} & fields.keys() else {"epochs": 3}
    return TrainConfig(**{"batch_size": 32, "lr": 0.02, "precision": "fp32", **length, **fields})


def train(network: nn.Module, data: TrainingSet, seed: int = 1, **fields: Any) -> Fitted:
    return fit(network, data, recipe(**fields), seed, lambda _: None)


def losses(fitted: Fitted) -> list[float]:
    return [point.train_loss for point in fitted.curve]


# A smooth network and a low rate keep rounding from growing: other thread counts and kernels move these by 2e-7.
# Whoever has to change them raises TRAINING_VERSION, since equal inputs then train differently.
GOLDEN_VERSION = 2
GOLDEN = {
    "sgd": [1.32268103, 1.10191504, 0.92334708],
    "adamw": [0.96465031, 0.54851095, 0.51371244],
}


@pytest.mark.parametrize("optimizer", GOLDEN)
def test_golden_losses(optimizer: str, make_data: MakeData) -> None:
    assert TRAINING_VERSION == GOLDEN_VERSION
    network = build("mini_xception", **SMALL, seed=1, activation="gelu", downsample="avgpool")
    fields = {"momentum": 0.9, "weight_decay": 0.02, "label_smoothing": 0.1, "warmup_epochs": 0.67}
    fitted = train(network, make_data(), optimizer=optimizer, **fields)
    assert losses(fitted) == pytest.approx(GOLDEN[optimizer], abs=1e-5)


def test_a_run_repeats_bit_by_bit(make_data: MakeData) -> None:
    fields = {**SMALL, "dropout": 0.3}
    networks = [build("mini_xception", **fields) for _ in range(2)]
    curves = []
    for number, network in enumerate(networks):
        torch.manual_seed(number)  # what came before must not matter
        curves.append(train(network, make_data(), epochs=2).curve)
    assert curves[0] == curves[1]
    assert all(
        torch.equal(first, second)
        for first, second in zip(networks[0].state_dict().values(), networks[1].state_dict().values(), strict=True)
    )


def test_another_seed_trains_differently(make_data: MakeData) -> None:
    curves = [losses(train(build("mini_xception", **SMALL), make_data(), seed=seed)) for seed in (1, 2)]
    assert curves[0] != curves[1]


def softmax(logits: Array) -> Array:
    powers: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def regression_by_hand(data: TrainingSet, fields: TrainConfig, seed: int, weight: Array) -> tuple[Array, list[float]]:
    """Softmax regression in numpy, float64: weights and the mean loss of every epoch; two steps an epoch."""
    pixels = data.images.pixels.permute(0, 3, 1, 2).numpy() / 255.0
    images = ((pixels - data.mean.numpy()) / data.std.numpy()).reshape(len(pixels), -1)
    labels, velocity, means = data.labels.numpy(), np.zeros_like(weight), []
    for epoch in range(3):
        order, taken = permutation(len(labels), "order", seed, epoch), []
        for number in range(2):
            batch = order[32 * number : 32 * (number + 1)]
            truth = (1 - fields.label_smoothing) * np.eye(4)[labels[batch]] + fields.label_smoothing / 4
            shares = softmax(images[batch] @ weight.T)
            taken.append(-(truth * np.log(shares)).sum(axis=1).mean())
            gradient = (shares - truth).T @ images[batch] / 32 + fields.weight_decay * weight
            velocity = fields.momentum * velocity + gradient
            weight = weight - fields.lr * factor(fields.schedule, 2 * epoch + number, 6, 0) * velocity
        means.append(float(np.mean(taken)))
    return weight, means


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_softmax_regression_by_hand(smoothing: float, make_data: MakeData) -> None:
    data = make_data(70, "none")  # 70 images make two batches of 32, the other six wait for another epoch
    layer = nn.Linear(3 * 16 * 16, 4, bias=False)
    fields = recipe(lr=0.001, weight_decay=0.05, label_smoothing=smoothing, schedule="cosine")
    weight, means = regression_by_hand(data, fields, 5, layer.weight.detach().double().numpy())
    fitted = fit(nn.Sequential(nn.Flatten(), layer), data, fields, 5, lambda _: None)
    assert losses(fitted) == pytest.approx(means, rel=1e-5)
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, atol=1e-5)


class Witness(nn.Module):
    """Notes every batch of images it is shown; answers class 1 always, with a little to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.detach().clone())
        return self.scale * torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(len(images), 1)


def test_the_last_short_batch_is_dropped_and_the_rest_met_once(make_data: MakeData) -> None:
    data, witness = make_data(75, "none"), Witness()
    fitted = train(witness, data, epochs=2)
    assert [len(batch) for batch in witness.seen] == [32, 32, 32, 32]
    assert fitted.steps == 4
    normal = normalise(data.images.pixels.permute(0, 3, 1, 2), data.mean, data.std)
    known = {image.contiguous().numpy().tobytes(): index for index, image in enumerate(normal)}
    epochs = [
        [known[image.contiguous().numpy().tobytes()] for batch in witness.seen[first : first + 2] for image in batch]
        for first in (0, 2)
    ]
    assert [len(set(epoch)) for epoch in epochs] == [64, 64]
    assert epochs == [permutation(75, "order", 1, epoch)[:64].tolist() for epoch in range(2)]
    assert epochs[0] != epochs[1]


def test_a_number_of_steps_cuts_the_last_epoch(make_data: MakeData) -> None:
    witness, points = Witness(), list[Point]()
    fitted = fit(witness, make_data(70), recipe(steps=5), 0, points.append)
    assert (len(witness.seen), fitted.steps) == (5, 5)
    assert [point.epoch for point in points] == [1, 2, 3]
    assert tuple(points) == fitted.curve


def test_a_point_holds_loss_accuracy_and_the_last_rate(make_data: MakeData) -> None:
    data = make_data(64, "none")  # 16 of every class, and class 1 is the answer to all
    fitted = train(Witness(), data, epochs=1, lr=1e-9, schedule="one_cycle")
    (point,) = fitted.curve
    # A logit of one against three of zero: -log softmax is log(e + 3), less one where the answer is right.
    assert point.train_loss == pytest.approx(np.log(np.e + 3) - 1 / 4, abs=1e-6)
    assert point.train_accuracy == 16 / 64
    assert point.learning_rate == pytest.approx(1e-9 / 250_000)


def test_epochs_differ_in_their_augmentation(make_data: MakeData) -> None:
    witness = Witness()
    train(witness, make_data(32, "crop"), epochs=2)
    first, second = ({image.numpy().tobytes() for image in batch.contiguous()} for batch in witness.seen)
    assert len(first & second) < 16


class Masks(Witness):
    """Notes what torch's generator gives in every step, and draws `after` numbers more."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        self.seen[-1] = torch.rand(8)
        torch.rand(self.after)
        return logits


def test_dropout_is_addressed_by_the_step(make_data: MakeData) -> None:
    runs = []
    for after in (0, 100):
        masks = Masks(after)
        train(masks, make_data(64), epochs=2)
        runs.append(torch.stack(masks.seen))
    assert torch.equal(runs[0], runs[1])
    assert len({tuple(row) for row in runs[0].tolist()}) == 4


def test_the_training_rate_follows_the_schedule(make_data: MakeData) -> None:
    fitted = train(Witness(), make_data(32), epochs=11, lr=0.5, schedule="step")
    assert [point.learning_rate for point in fitted.curve] == pytest.approx([0.5] * 5 + [0.05] * 3 + [0.005] * 3)


def test_a_huge_rate_ends_as_diverged(make_data: MakeData) -> None:
    points = list[Point]()
    network = build("mini_xception", **SMALL)
    fitted = fit(network, make_data(), recipe(epochs=5, lr=1e30, schedule="constant"), 0, points.append)
    assert fitted.state == "diverged"
    assert len(points) == len(fitted.curve) < 5
    assert fitted.steps == 3 * len(points)
    assert not np.isfinite(points[-1].train_loss)


def test_a_set_without_a_full_batch_is_an_error(make_data: MakeData) -> None:
    with pytest.raises(DataError, match=r"train\.batch_size: 32 is more than the 20 training images"):
        train(Witness(), make_data(20))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_network_learns_a_few_images_by_heart(optimizer: str, make_data: MakeData) -> None:
    network = build("mini_xception", **SMALL, downsample="maxpool")
    lr = {"sgd": 0.1, "adamw": 0.003}[optimizer]
    fitted = train(network, make_data(32, "none"), epochs=40, batch_size=16, lr=lr, optimizer=optimizer)
    assert fitted.state == "complete"
    assert fitted.curve[-1].train_accuracy == 1.0
    assert fitted.curve[-1].train_loss < 0.1


def test_seconds_are_of_the_steps_alone(make_data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("ablate.train.fit.time.perf_counter", lambda: float(next(clock)))
    # One second passes within each epoch; what `on_epoch` takes lies between them and does not count.
    fitted = fit(Witness(), make_data(), recipe(epochs=4), 0, lambda _: [next(clock) for _ in range(5)])
    assert fitted.seconds == 4.0
