"""A training that is killed at any step goes on from its checkpoint and ends bit by bit as an undisturbed one."""

import errno
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ablate.models import build
from ablate.schema import TrainConfig
from ablate.train import checkpoint as checkpoints
from ablate.train import fit as fitting
from ablate.train.checkpoint import Checkpoint
from ablate.train.fit import Fitted, Point, fit
from ablate.train.precision import keep_logits_fp32
from ablate.train.sets import TrainingSet

MakeData = Callable[..., TrainingSet]
Fields = dict[str, Any]

pytestmark = pytest.mark.usefixtures("one_thread")

# At so high a rate the validation loss is never again as low as after the first epoch or two: the rate falls once, and
# training ends early with the weights of then.
WATCHING: Fields = {
    "schedule": "plateau",
    "decay_factor": 0.1,
    "patience_epochs": 1,
    "stop_patience_epochs": 3,
    "lr": 1.0,
    "epochs": 7,
}


def conv(dropout: float = 0.0, **fields: Any) -> nn.Module:
    """What our networks are made of, but small."""
    torch.manual_seed(fields.pop("seed", 0))
    network = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1, **{"bias": False, **fields}), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(16, 4)),
    )
    keep_logits_fp32(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def dropping() -> nn.Module:
    return conv(dropout=0.4)


def mini_xception() -> nn.Module:
    network = build("mini_xception", width=0.125, middle_depth=0, num_classes=4, dropout=0.2)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class Wandering(nn.Module):
    """Shifts its logits by the mean of all that it was trained on, kept where a state_dict does not look."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 16 * 16, 4)
        self.register_buffer("mean", torch.zeros(3 * 16 * 16), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.flatten(1)
        if self.training:
            self.mean.lerp_(pixels.detach().mean(0), 0.3)
        logits: Tensor = self.layer(pixels - self.mean)
        return logits


HERE = {"cpu": "Z80", "threads": "1"}

# What a training can carry from one step to the next: network, fields of the data, fields of the recipe.
CASES: dict[str, tuple[Callable[[], nn.Module], Fields, Fields]] = {
    "sgd": (conv, {}, {"weight_decay": 0.01, "label_smoothing": 0.1}),
    "sgd without momentum": (conv, {}, {"momentum": 0.0}),
    "adam": (conv, {}, {"optimizer": "adam", "lr": 0.003}),
    "adamw": (conv, {}, {"optimizer": "adamw", "lr": 0.003, "warmup_epochs": 0.67}),
    "rmsprop": (conv, {}, {"optimizer": "rmsprop", "lr": 0.001}),
    "dropout and average": (dropping, {}, {"average_decay": 0.9}),
    "plateau and early stopping": (dropping, {"held_out": 24}, WATCHING),
    "early stopping on averages": (conv, {"held_out": 24}, {**WATCHING, "average_decay": 0.5}),
    "rotation": (conv, {}, {"rotation_degrees": 20.0}),
    "resized crops": (conv, {"kind": "resized_crop_flip", "side": 12}, {"test_crop": 0.8}),
    "bf16": (dropping, {}, {"precision": "bf16"}),
    "mini_xception": (mini_xception, {}, {"epochs": 2}),
    "an epoch cut short": (conv, {}, {"epochs": None, "steps": 7}),
    "buffers of its own": (Wandering, {"held_out": 24}, {"stop_patience_epochs": 3, "average_decay": 0.5}),
}


def recipe(**fields: Any) -> TrainConfig:
    return TrainConfig(**{"epochs": 3, "batch_size": 16, "lr": 0.05, "precision": "fp32", **fields})


def images(make_data: MakeData, **fields: Any) -> TrainingSet:
    """Three batches of 16, and two images that each epoch leaves over."""
    return make_data(**{"count": 50, **fields})


def at_every_step(path: Path, key: str = "k", **environment: str) -> Checkpoint:
    return Checkpoint(path, key, {**HERE, **environment}, every_seconds=0.0, share=1.0)


class Killed(Exception):
    pass


def passes(network: nn.Module, last: int | None = None) -> list[bool]:
    """Notes of every forward pass from now on whether it is of training; the one after `last` of them is the end."""
    seen: list[bool] = []

    def before(module: nn.Module, _: Any) -> None:
        if len(seen) == last:
            raise Killed
        seen.append(module.training)

    network.register_forward_pre_hook(before)
    return seen


def train(network: nn.Module, data: TrainingSet, fields: Fields, checkpoint: Checkpoint | None = None) -> Fitted:
    return fit(network, data, recipe(**fields), 1, lambda _: None, checkpoint=checkpoint)


def killed(network: nn.Module, last: int, data: TrainingSet, fields: Fields, checkpoint: Checkpoint) -> None:
    passes(network, last)
    with pytest.raises(Killed):
        train(network, data, fields, checkpoint)


def outcome(network: nn.Module, fitted: Fitted) -> tuple[Any, ...]:
    """All that a training leaves but its seconds, to the bit: values as bytes, and how they lie in memory."""
    tensors = {**network.state_dict(), **dict(network.named_buffers())}
    weights = {name: (value.stride(), value.numpy().tobytes()) for name, value in tensors.items()}
    return fitted.curve, fitted.steps, fitted.state, weights


@pytest.mark.parametrize("case", ["plateau and early stopping", "early stopping on averages"])
def test_a_case_that_is_to_stop_early_stops_early(case: str, make_data: MakeData) -> None:
    make, of_data, fields = CASES[case]
    curve = train(make(), images(make_data, **of_data), fields).curve
    assert len(curve) < fields["epochs"]
    assert curve[-1].learning_rate == pytest.approx(0.1)
    assert min(point.validation_loss or 0.0 for point in curve) < 0.9 * (curve[-1].validation_loss or 0.0)


@pytest.mark.parametrize("case", CASES)
def test_from_before_any_of_its_steps_it_ends_as_the_undisturbed_one(
    case: str, make_data: MakeData, tmp_path: Path
) -> None:
    make, of_data, fields = CASES[case]
    data, whole, saving = images(make_data, **of_data), make(), make()
    seen = passes(whole)
    expected = outcome(whole, train(whole, data, fields))
    left = keep_every(saving, tmp_path / "k.pt")
    assert outcome(saving, train(saving, data, fields, at_every_step(tmp_path / "k.pt"))) == expected
    assert len(left) == sum(seen)
    for step, path in enumerate(left):
        again = make()
        repeated = passes(again)
        assert outcome(again, train(again, data, fields, Checkpoint(path, "k", HERE))) == expected
        assert sum(repeated) == sum(seen) - step


def keep_every(network: nn.Module, path: Path) -> list[Path]:
    """Copies of what `path` holds whenever `network` begins a step: what a death in that step would leave."""
    kept: list[Path] = []

    def before(module: nn.Module, _: Any) -> None:
        if module.training:
            kept.append(path.with_name(f"{len(kept)}.pt"))
            shutil.copy(path, kept[-1])

    network.register_forward_pre_hook(before)
    return kept


@pytest.mark.parametrize("case", ["dropout and average", "plateau and early stopping", "adam"])
def test_killed_again_and_again_it_still_ends_the_same(case: str, make_data: MakeData, tmp_path: Path) -> None:
    make, of_data, fields = CASES[case]
    data, whole, path = images(make_data, **of_data), make(), tmp_path / "k.pt"
    seen = passes(whole)
    expected = outcome(whole, train(whole, data, fields))
    deaths = 0
    while True:
        network = make()
        steps = passes(network, 3)  # with a validation of one batch between epochs, at least one step is new
        try:
            fitted = train(network, data, fields, at_every_step(path))
            break
        except Killed:
            deaths += 1
            assert len(steps) == 3
    assert outcome(network, fitted) == expected
    assert deaths >= len(seen) // 3 - 1


def test_a_point_of_the_curve_is_told_once_and_comes_back_with_the_rest(make_data: MakeData, tmp_path: Path) -> None:
    data, told = images(make_data), list[Point]()
    path = tmp_path / "k.pt"
    network = conv()
    passes(network, 5)
    with pytest.raises(Killed):
        fit(network, data, recipe(), 1, told.append, checkpoint=at_every_step(path))
    fitted = fit(conv(), data, recipe(), 1, told.append, checkpoint=at_every_step(path))
    assert [point.epoch for point in told] == [1, 2, 3]
    assert tuple(told) == fitted.curve


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_the_optimizer_s_state_lies_in_memory_as_it_did(
    optimizer: str, make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.optim.Optimizer] = []
    optimizer_for = fitting.optimizer_for
    monkeypatch.setattr(fitting, "optimizer_for", lambda *given: made.append(optimizer_for(*given)) or made[-1])
    data, fields = images(make_data), {"optimizer": optimizer, "lr": 0.003}
    train(conv(), data, fields)
    killed(conv(), 4, data, fields, at_every_step(tmp_path / "k.pt"))
    train(conv(), data, fields, at_every_step(tmp_path / "k.pt"))
    whole, _, again = (layout(each) for each in made)
    assert whole == again
    strides = {stride for _, stride, shape in whole if len(shape) == 4 and shape[1] > 1 and shape[2] > 1}
    assert strides
    assert all(stride[1] == 1 for stride in strides)  # channels last


def layout(optimizer: torch.optim.Optimizer) -> list[tuple[str, Any, Any]]:
    return [
        (name, value.stride(), value.shape)
        for group in optimizer.param_groups
        for parameter in group["params"]
        for name, value in optimizer.state[parameter].items()
    ]


class TestSeconds:
    def test_they_go_on_from_those_before_without_the_time_of_saving(
        self, make_data: MakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A clock that moves a second whenever it is read: the steps of an epoch are three stretches between savings,
        and one after the last. Whatever is saved before the step that is killed was counted; what came after is lost.
        """
        clock = iter(range(1000))
        monkeypatch.setattr("ablate.train.fit.time.perf_counter", lambda: float(next(clock)))
        save = Checkpoint.save
        monkeypatch.setattr(Checkpoint, "save", lambda *given: [next(clock) for _ in range(5)] and save(*given))
        data, path = images(make_data), tmp_path / "k.pt"
        assert train(conv(), data, {}, at_every_step(path)).seconds == 3 * 4
        path.unlink()
        killed(conv(), 4, data, {}, at_every_step(path))  # in the second step of the second epoch
        # Saved with 4 seconds of the first epoch and 2 of the second, of which 3 are still to come; then 4 more.
        assert train(conv(), data, {}, at_every_step(path)).seconds == 4 + 2 + 3 + 4


class TestDue:
    def test_a_short_training_writes_none(self, make_data: MakeData, tmp_path: Path) -> None:
        train(conv(), images(make_data), {}, Checkpoint(tmp_path / "k.pt", "k", {}))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("takes", "pause"), [(0.5, 60.0), (2.0, 198.0)])
    def test_it_is_due_a_minute_after_the_last_or_when_saving_took_a_hundredth_of_the_time(
        self, takes: float, pause: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1000.0

        def write(*_: Any) -> None:
            nonlocal now
            now += takes

        monkeypatch.setattr("ablate.train.checkpoint.time.monotonic", lambda: now)
        monkeypatch.setattr(checkpoints, "write_bytes", write)
        network = nn.Linear(2, 2)
        checkpoint = Checkpoint(tmp_path / "k.pt", "k", {})
        for wait in (60.0, pause, pause):
            now += wait - 1
            assert not checkpoint.is_due()
            now += 1
            assert checkpoint.is_due()
            checkpoint.save(network, torch.optim.SGD(network.parameters()), None, {})


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def forged(content: bytes) -> bytes:
    """With the right sum, but with something inside that only executing it could read."""
    del content
    inner = io.BytesIO()
    torch.save({"identity": Path("/")}, inner)
    return inner.getvalue() + hashlib.sha256(inner.getvalue()).digest()


class TestUnfit:
    """What cannot be gone on from changes nothing: training starts afresh and says why."""

    def starts_afresh(self, checkpoint: Checkpoint, make_data: MakeData) -> None:
        """With a network of another seed in the file, whatever were taken from there would show."""
        data, whole, again = images(make_data), conv(), conv()
        expected = outcome(whole, train(whole, data, {"average_decay": 0.9}))
        assert outcome(again, train(again, data, {"average_decay": 0.9}, checkpoint)) == expected

    def leave(self, make_data: MakeData, path: Path, **fields: Any) -> None:
        killed(conv(seed=7, **fields), 4, images(make_data), {"average_decay": 0.9}, at_every_step(path))

    @pytest.mark.parametrize(
        "damage",
        [lambda _: b"", lambda file: file[:20], lambda file: file[:-1], lambda file: file + b"\0", half, flipped],
        ids=["nothing", "a few bytes", "one byte less", "one byte more", "half", "one bit"],
    )
    def test_a_damaged_file(
        self,
        damage: Callable[[bytes], bytes],
        make_data: MakeData,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        path = tmp_path / "k.pt"
        self.leave(make_data, path)
        path.write_bytes(damage(path.read_bytes()))
        self.starts_afresh(at_every_step(path), make_data)
        assert capsys.readouterr().err == (
            f"the checkpoint {path} is not used, it is damaged; training starts afresh\n"
        )

    def test_a_file_that_would_have_to_be_executed(
        self, make_data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "k.pt"
        path.write_bytes(forged(b""))
        self.starts_afresh(at_every_step(path), make_data)
        assert "is not used, it cannot be read (Weights only load failed." in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("other", "named"),
        [
            ({"key": "other"}, "key"),
            ({"threads": "2"}, "threads"),
            ({"cpu": "6502", "threads": "2"}, "cpu, threads"),
            ({"torch": "9.9"}, "torch"),
        ],
    )
    def test_one_of_another_trial_or_environment(
        self, other: dict[str, str], named: str, make_data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "k.pt"
        self.leave(make_data, path)
        self.starts_afresh(at_every_step(path, **other), make_data)
        assert f"{path} is not used, it differs in {named}; training starts afresh\n" in capsys.readouterr().err

    def test_one_of_another_layout(
        self, make_data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "k.pt"
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "LAYOUT", "0")
            self.leave(make_data, path)
        self.starts_afresh(at_every_step(path), make_data)
        assert "it differs in layout" in capsys.readouterr().err

    def test_one_of_a_network_that_is_built_otherwise_now(
        self, make_data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "k.pt"
        self.leave(make_data, path, bias=True)
        self.starts_afresh(at_every_step(path), make_data)
        assert "it differs in the network" in capsys.readouterr().err

    def test_a_folder_in_its_place(
        self, make_data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.starts_afresh(at_every_step(tmp_path), make_data)
        assert "Is a directory" in capsys.readouterr().err


class TestUnwritable:
    """Where nothing can be saved a training goes on, and says so once."""

    def test_a_full_disk(
        self,
        make_data: MakeData,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        data, whole, again, path = images(make_data), conv(), conv(), tmp_path / "k.pt"
        expected = outcome(whole, train(whole, data, {}))
        killed(conv(), 4, data, {}, at_every_step(path))
        before = path.read_bytes()
        monkeypatch.setattr(os, "fsync", full)
        assert outcome(again, train(again, data, {}, at_every_step(path))) == expected
        assert path.read_bytes() == before
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"no checkpoint can be saved, training goes on without: {path}: cannot be written (No s")

    def test_a_folder_that_cannot_be_made(
        self, make_data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "checkpoints").write_text("a file in the way")
        data, whole, again = images(make_data), conv(), conv()
        expected = outcome(whole, train(whole, data, {}))
        checkpoint = at_every_step(tmp_path / "checkpoints" / "k.pt")
        assert outcome(again, train(again, data, {}, checkpoint)) == expected
        assert "is not used" in capsys.readouterr().err

    def test_too_little_memory_to_make_one(
        self,
        make_data: MakeData,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def short(*_: Any) -> bytes:
            raise MemoryError

        monkeypatch.setattr(checkpoints, "_sealed", short)
        train(conv(), images(make_data), {}, at_every_step(tmp_path / "k.pt"))
        assert capsys.readouterr().err == "no checkpoint can be saved, training goes on without: MemoryError\n"
