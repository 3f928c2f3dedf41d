"""What a training does beside its steps: validation, early stopping, averages, auxiliary heads, sizes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ablate.errors import StudyError
from ablate.models import build
from ablate.models.outputs import Outputs
from ablate.schema import TrainConfig
from ablate.train.fit import Fitted, Point, fit
from ablate.train.scoring import score
from ablate.train.sets import EvaluationSet, TrainingSet

MakeData = Callable[..., TrainingSet]

pytestmark = pytest.mark.usefixtures("one_thread")

PLATEAU: dict[str, Any] = {"schedule": "plateau", "decay_factor": 0.1, "patience_epochs": 1}


def recipe(**fields: Any) -> TrainConfig:
    length = {} if {"epochs", "steps"} & fields.keys() else {"epochs": 3}
    return TrainConfig(**{"batch_size": 32, "lr": 0.02, "precision": "fp32", **length, **fields})


def train(network: nn.Module, data: TrainingSet, **fields: Any) -> Fitted:
    return fit(network, data, recipe(**fields), 1, lambda _: None)


def small() -> nn.Module:
    return build("mini_xception", width=0.125, middle_depth=0, num_classes=4, dropout=0.2)


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))


class Scripted(nn.Module):
    """Scores class 0 as a script says, one entry a validation; counts the validations in a buffer."""

    def __init__(self, *script: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.script = script
        self.register_buffer("validations", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            return self.scale * torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(len(images), 1)
        self.validations += 1
        score = self.script[int(self.validations) - 1]
        return torch.tensor([score, 0.0, 0.0, 0.0]).repeat(len(images), 1)


def loss_of(score: float) -> float:
    """Cross-entropy of class 0 when its logit is `score` and the three others are 0."""
    return float(np.log(np.exp(score) + 3) - score)


def of_class_0(data: TrainingSet) -> TrainingSet:
    held_out = data.validation
    assert held_out is not None
    return replace(data, validation=EvaluationSet(held_out.images, torch.zeros_like(held_out.labels)))


def mislabelled(data: TrainingSet) -> TrainingSet:
    """Every fourth image held out has a wrong label, so that confidence helps at first and hurts in the end."""
    held_out = data.validation
    assert held_out is not None
    wrong = torch.arange(len(held_out.labels)) % 16 < 4
    return replace(data, validation=EvaluationSet(held_out.images, (held_out.labels + wrong) % 4))


class TestValidation:
    def test_the_loss_of_every_epoch_is_in_the_curve(self, make_data: MakeData) -> None:
        points: list[Point] = []
        fields = recipe(epochs=3, stop_patience_epochs=9)
        fitted = fit(Scripted(0.0, 2.0, 1.0), of_class_0(make_data(32, held_out=8)), fields, 1, points.append)
        assert [point.validation_loss for point in fitted.curve] == pytest.approx([loss_of(s) for s in (0, 2, 1)])
        assert tuple(points) == fitted.curve

    def test_it_is_the_mean_over_the_images_held_out_without_smoothing(self, make_data: MakeData) -> None:
        data, network = make_data(64, held_out=21), linear()
        fitted = train(network, data, **PLATEAU, label_smoothing=0.3, epochs=2)
        assert data.validation is not None
        pixels = (data.validation.images.double() / 255 - data.mean.double()) / data.std.double()
        with torch.no_grad():
            logits = network.double()(pixels)
        expected = torch.logsumexp(logits, 1) - logits[torch.arange(21), data.validation.labels]
        assert fitted.curve[-1].validation_loss == pytest.approx(expected.mean().item(), rel=1e-5)

    def test_nobody_looks_unless_the_recipe_asks(self, make_data: MakeData) -> None:
        network = Scripted()  # has nothing to say in evaluation
        fitted = train(network, make_data(64, held_out=8), schedule="cosine")
        assert {point.validation_loss for point in fitted.curve} == {None}

    def test_looking_changes_nothing(self, make_data: MakeData) -> None:
        blind = train(small(), make_data(64))
        watched = train(small(), make_data(64, held_out=24), stop_patience_epochs=9)
        assert [point.train_loss for point in watched.curve] == [point.train_loss for point in blind.curve]

    def test_without_images_held_out_the_recipe_is_refused(self, make_data: MakeData) -> None:
        with pytest.raises(StudyError, match=r"data\.validation: holds out no images"):
            train(small(), make_data(64), stop_patience_epochs=9)

    def test_time_for_it_does_not_count(self, make_data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = iter(range(100))
        monkeypatch.setattr("ablate.train.fit.time.perf_counter", lambda: float(next(clock)))
        data = of_class_0(make_data(32, held_out=8))
        network = Scripted(1.0, 1.0)
        network.register_forward_hook(
            lambda module, *_: None if module.training else [next(clock) for _ in "abc"] and None
        )
        assert train(network, data, epochs=2, stop_patience_epochs=9).seconds == 2.0


class TestSteps:
    """What a training says while it goes on: how many steps are done, before each of them and while it is validated."""

    def told(self, data: TrainingSet, **fields: Any) -> list[tuple[int, int]]:
        told: list[tuple[int, int]] = []
        fit(small(), data, recipe(**fields), 1, lambda _: None, on_step=lambda *place: told.append(place))
        return told

    def test_every_step_is_told_when_it_begins(self, make_data: MakeData) -> None:
        assert self.told(make_data(70), steps=5) == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]

    def test_every_batch_of_a_validation_is_a_sign_too(
        self, make_data: MakeData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ablate.train.scoring.BATCH", 10)
        told = self.told(make_data(64, held_out=21), epochs=2, stop_patience_epochs=9)
        assert told == [(step, 4) for step in (0, 1, 2, 2, 2, 2, 3, 4, 4, 4)]


class TestPlateau:
    def test_the_rate_falls_after_more_epochs_than_the_patience(self, make_data: MakeData) -> None:
        network = Scripted(0.0, 1.0, 0.5, 1.0, 0.9, 0.8, 3.0)
        fitted = train(network, of_class_0(make_data(32, held_out=8)), **PLATEAU, epochs=7, lr=1.0)
        # Lowest in epoch 2; 3 and 4 are no lower, so 5 has a tenth; so are 5 and 6, so 7 has a hundredth.
        rates = [point.learning_rate for point in fitted.curve]
        assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01])
        assert network.validations == 7  # without early stopping the last weights stay


class TestEarlyStopping:
    def test_training_ends_and_the_lowest_weights_come_back(self, make_data: MakeData) -> None:
        network = Scripted(0.0, 1.0, 2.0, 1.0, 1.5, 2.0, 9.0)
        fitted = train(network, of_class_0(make_data(64, held_out=8)), epochs=7, stop_patience_epochs=3)
        assert (len(fitted.curve), fitted.steps, fitted.state) == (6, 12, "complete")
        assert network.validations == 3

    def test_a_lower_loss_begins_the_patience_anew(self, make_data: MakeData) -> None:
        network = Scripted(0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0)
        fitted = train(network, of_class_0(make_data(64, held_out=8)), epochs=7, stop_patience_epochs=2)
        assert (len(fitted.curve), network.validations.item()) == (6, 4)

    def test_a_training_that_is_not_stopped_keeps_the_lowest_too(self, make_data: MakeData) -> None:
        network = Scripted(0.0, 2.0, 1.0)
        fitted = train(network, of_class_0(make_data(64, held_out=8)), epochs=3, stop_patience_epochs=3)
        assert (len(fitted.curve), network.validations.item()) == (3, 2)

    def test_the_weights_are_those_of_that_epoch(self, make_data: MakeData) -> None:
        data, stopped = mislabelled(make_data(64, "none", held_out=24)), linear()
        fields: dict[str, Any] = {"lr": 0.002, "schedule": "constant"}
        fitted = train(stopped, data, epochs=12, stop_patience_epochs=2, **fields)
        losses = [point.validation_loss or 0.0 for point in fitted.curve]
        best = int(np.argmin(losses)) + 1
        assert 1 < best < len(losses) < 12
        short = linear()
        train(short, data, epochs=best, **fields)
        assert all(torch.equal(*pair) for pair in zip(stopped.parameters(), short.parameters(), strict=True))


class TestAverage:
    def test_it_is_the_average_of_the_weights_after_every_step(self, make_data: MakeData) -> None:
        data, fields = make_data(64, "none"), {"schedule": "constant", "lr": 0.01}
        kept = [parameter.detach().double() for parameter in linear().parameters()]
        for step in range(1, 6):
            network = linear()
            train(network, data, steps=step, **fields)
            keep = min(0.3, (1 + step) / (10 + step))
            now = [parameter.detach().double() for parameter in network.parameters()]
            kept = [keep * old + (1 - keep) * new for old, new in zip(kept, now, strict=True)]
        averaged = linear()
        train(averaged, data, steps=5, average_decay=0.3, **fields)
        for given, expected in zip(averaged.parameters(), kept, strict=True):
            torch.testing.assert_close(given.detach().double(), expected, atol=1e-6, rtol=0)

    def test_training_does_not_see_it(self, make_data: MakeData) -> None:
        plain, averaged = small(), small()
        curves = [train(plain, make_data(64)).curve, train(averaged, make_data(64), average_decay=0.9).curve]
        assert curves[0] == curves[1]
        assert not torch.equal(next(plain.parameters()), next(averaged.parameters()))

    @pytest.mark.parametrize("stops", [{}, {"stop_patience_epochs": 9}])
    def test_it_is_what_validation_scores(self, stops: dict[str, Any], make_data: MakeData) -> None:
        data, network = make_data(64, held_out=24), small()
        fields = {**PLATEAU, "average_decay": 0.9, "epochs": 3, **stops}
        fitted = train(network, data, **fields)
        losses = [point.validation_loss for point in fitted.curve]
        assert data.validation is not None
        left = score(network, data.validation, data, recipe(**fields))[0].double().mean().item()
        assert left == pytest.approx(min(loss for loss in losses if loss) if stops else losses[-1], rel=1e-9)
        assert train(small(), data, **PLATEAU, epochs=3).curve[-1].validation_loss != losses[-1]


@pytest.mark.parametrize("augment", ["crop_flip", "resized_crop_flip"])
def test_a_run_with_everything_repeats_bit_by_bit(augment: str, make_data: MakeData) -> None:
    fields = {**PLATEAU, "stop_patience_epochs": 2, "average_decay": 0.9, "rotation_degrees": 20.0, "epochs": 4}
    networks = [linear(), linear()]
    curves = []
    for number, network in enumerate(networks):
        torch.manual_seed(number)  # what came before must not matter
        curves.append(train(network, make_data(64, augment, held_out=24, side=16), **fields).curve)
    assert curves[0] == curves[1]
    assert all(torch.equal(*pair) for pair in zip(*(network.parameters() for network in networks), strict=True))


class TwoHeads(nn.Module):
    """Logits of its own and of two auxiliary heads, in training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Parameter(torch.tensor([0.0, 1.0, 0.0, 0.0]))
        self.side = nn.Parameter(torch.tensor([2.0, 0.0, 0.0, 0.0]))

    def forward(self, images: Tensor) -> Tensor | Outputs:
        main, side = (logits.repeat(len(images), 1) for logits in (self.main, self.side))
        return Outputs(main, (side, 2 * side), 0.3) if self.training else main


def test_auxiliary_heads_count_by_their_weight(make_data: MakeData) -> None:
    network = TwoHeads()
    fitted = train(network, make_data(64, "none", held_out=8), epochs=1, batch_size=64, lr=0.01, stop_patience_epochs=1)
    # 16 images of each class: log(sum of exp) less the mean logit.
    main, *sides = (np.log(np.exp(peak) + 3) - peak / 4 for peak in (1.0, 2.0, 4.0))
    assert fitted.curve[0].train_loss == pytest.approx(main + 0.3 * sum(sides), rel=1e-6)
    assert fitted.curve[0].train_accuracy == 16 / 64  # of the main head
    assert fitted.curve[0].validation_loss == pytest.approx(main, rel=1e-3)
    assert network.side[0].item() != 2.0


def test_label_smoothing_holds_for_auxiliary_heads(make_data: MakeData) -> None:
    fitted = train(TwoHeads(), make_data(64, "none"), epochs=1, batch_size=64, lr=1e-6, label_smoothing=0.2)
    # Balanced classes: smoothing moves nothing, whichever head it is.
    main, *sides = (np.log(np.exp(peak) + 3) - peak / 4 for peak in (1.0, 2.0, 4.0))
    assert fitted.curve[0].train_loss == pytest.approx(main + 0.3 * sum(sides), rel=1e-6)


class Sizes(Scripted):
    """Notes the sizes that it is given in training and in evaluation."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.seen: set[tuple[bool, tuple[int, ...]]] = set()

    def forward(self, images: Tensor) -> Tensor:
        self.seen.add((self.training, tuple(images.shape[1:])))
        return super().forward(images)


@pytest.mark.parametrize("augment", ["crop_flip", "resized_crop_flip"])
@pytest.mark.parametrize("test_crop", [None, 0.8])
def test_the_network_is_given_its_own_size(augment: str, test_crop: float | None, make_data: MakeData) -> None:
    network = Sizes()
    data = make_data(32, augment, held_out=8, side=24)
    train(network, data, epochs=1, stop_patience_epochs=1, test_crop=test_crop, rotation_degrees=10.0)
    assert network.seen == {(True, (3, 24, 24)), (False, (3, 24, 24))}
