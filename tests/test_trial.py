"""The life of one trial: repeatable wherever it runs, blind to the test split until the end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from ablate import trial
from ablate.data import DATASETS, image_folder, small_objects
from ablate.data.types import Split, SplitName
from ablate.errors import DataError
from ablate.executors.contract import Call, Execution
from ablate.executors.local import LocalWorker
from ablate.measure.evaluation import Evaluation
from ablate.models import resolve
from ablate.records import Record, load_record, save_record, unpack_bits
from ablate.schema import DataConfig, TrainConfig
from ablate.train import materials
from ablate.train.checkpoint import Checkpoint
from ablate.train.pulse import Pulse
from ablate.train.recipes import RECIPES, expanded
from ablate.train.sets import EvaluationSet, evaluation_set, training_set

CACHES = (materials.split_of, materials.training_data, materials.test_data, trial._digest, trial._machine)
TIMES = ("train_seconds", "train_images_per_second")


@pytest.fixture(autouse=True)
def _fresh_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test starts with nothing cached, with one thread, and leaves nothing; none takes an hour."""
    monkeypatch.setattr(trial, "Pulse", partial(Pulse, every_seconds=3600.0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
        cache.cache_clear()
    torch.set_num_threads(threads)


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """`small_objects` with 600 images a split instead of 5,000, so that a trial takes a moment."""
    monkeypatch.setattr(small_objects, "load", few)


def few(config: DataConfig, split: SplitName) -> Split:
    source = np.random.default_rng([config.seed, split == "test"])
    labels = np.arange(600, dtype=np.int64) % 10
    images = (
        source.integers(0, 200, (600, 3, 32, 32), dtype=np.uint8) + (5 * labels.astype(np.uint8))[:, None, None, None]
    )
    return Split(images, labels)


def task(seed: int = 1, train: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    fields = {"width": 0.125, "middle_depth": 0, "downsample": "maxpool", **model}
    recipe = {"epochs": 2, "batch_size": 50, "lr": 0.05, "precision": "fp32", **(train or {})}
    return {
        "key": "k" * 64,
        "seed": seed,
        "scored": "test",
        "model": resolve("mini_xception", fields).as_json(),
        "data": {"name": "small_objects", "train_limit": 200},
        "train": recipe,
        "device": "cpu",
    }


def ignore(point: dict[str, Any]) -> None:
    del point


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    metrics = {name: value for name, value in record["metrics"].items() if name not in TIMES}
    return {**record, "metrics": metrics}


@pytest.mark.usefixtures("few_images")
def test_a_trial_repeats_in_a_used_worker() -> None:
    first = trial.run(task(), ignore)
    trial.run(task(seed=2, train={"lr": 0.2, "epochs": 1}, downsample="spd", dropout=0.5), ignore)
    again = trial.run(task(), ignore)
    assert without_times(again) == without_times(first)
    assert without_times(trial.run(task(seed=2), ignore))["curve"] != first["curve"]


FRESH = """
import json, sys, torch
from ablate import trial
torch.set_num_threads(1)
print(json.dumps(trial.run(json.loads(sys.argv[1]), lambda _: None)))
"""


@pytest.mark.slow
def test_a_trial_repeats_in_a_fresh_process() -> None:
    asked = task(dropout=0.2)
    here = trial.run(asked, ignore)
    command = [sys.executable, "-c", FRESH, json.dumps(asked)]
    fresh = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert without_times(fresh) == without_times(json.loads(json.dumps(here)))


@pytest.mark.usefixtures("few_images")
def test_a_record_holds_what_was_measured() -> None:
    points: list[dict[str, Any]] = []
    stored = trial.run(task(), points.append)
    record = Record(**json.loads(json.dumps(stored)))
    assert (record.key, record.seed, record.state, record.steps, record.test_images) == (
        "k" * 64,
        1,
        "complete",
        8,
        600,
    )
    assert set(record.metrics) == {"accuracy", "test_loss", *TIMES}
    assert record.metrics["accuracy"] == unpack_bits(record.correct, 600).mean()
    seconds, pace = record.metrics["train_seconds"], record.metrics["train_images_per_second"]
    assert seconds is not None
    assert pace == pytest.approx(8 * 50 / seconds)
    assert record.curve == points
    assert [point["epoch"] for point in points] == [1, 2]


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize(("steps", "points"), [(8, 1), (1, 1)])
def test_a_diverged_trial_is_an_outcome_without_nan(steps: int, points: int) -> None:
    # After a single step it is the test loss alone that has met the weights which blew up.
    reported: list[dict[str, Any]] = []
    recipe = {"epochs": None, "steps": steps, "lr": 1e30, "schedule": "constant"}
    stored = trial.run(task(train=recipe), reported.append)
    text = json.dumps([stored, reported], allow_nan=False)
    assert "NaN" not in text
    record = Record(**stored)
    assert record.state == "diverged"
    assert record.metrics["test_loss"] is None
    assert 0.0 <= (record.metrics["accuracy"] or 0.0) <= 1.0
    assert len(record.curve) == len(reported) == points


@pytest.mark.usefixtures("few_images")
def test_steps_and_scoring_give_signs_of_life_between_the_points_of_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "Pulse", partial(Pulse, every_seconds=0.0))
    monkeypatch.setattr("ablate.train.scoring.BATCH", 250)
    told: list[dict[str, Any]] = []
    stored = trial.run(task(), told.append)
    steps = [{"step": step, "steps": 8} for step in range(9)]
    assert all(sign.pop("step_seconds") is None or sign["step"] > 0 for sign in told if "step" in sign)
    # Two epochs of four steps, then three batches of the test split.
    assert told == [*steps[:4], stored["curve"][0], *steps[4:8], stored["curve"][1], *(3 * [steps[8]])]


class TestData:
    """A task may say what the data were when the study was planned."""

    @pytest.mark.usefixtures("few_images")
    def test_the_data_as_planned_are_trained_on(self) -> None:
        asked = task(train={"epochs": 1})
        planned = small_objects.digest(DataConfig(**asked["data"]))
        assert without_times(trial.run({**asked, "data_digest": planned}, ignore)) == without_times(
            trial.run(asked, ignore)
        )

    def test_pictures_that_have_changed_are_refused_before_anything_is_trained(
        self, pictures_study: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = pictures(pictures_study)
        planned = image_folder.digest(DataConfig(**asked["data"]))
        changed = pictures_study.parent / "pictures" / "test" / "dark" / "0.png"
        changed.write_bytes(changed.read_bytes() + b"!")
        found = image_folder.digest(DataConfig(**asked["data"]))
        monkeypatch.setattr(trial, "fit", None)
        expected = (
            rf"^data\.name: image_folder has changed since the study was planned: its digest was {planned[:12]} and is "
            rf"{found[:12]} now; restore it"
        )
        with pytest.raises(DataError, match=expected):
            trial.run({**asked, "data_digest": planned}, ignore)

    @pytest.mark.usefixtures("few_images")
    def test_files_are_read_for_it_once_a_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[DataConfig] = []
        counting = replace(DATASETS["small_objects"], digest=lambda data: read.append(data) or "d" * 64)  # type: ignore[func-returns-value]
        monkeypatch.setitem(DATASETS, "small_objects", counting)
        for seed in (1, 2):
            trial.run({**task(seed, {"epochs": 1}), "data_digest": "d" * 64}, ignore)
        assert len(read) == 1


def pictures(study: Path, **more: Any) -> dict[str, Any]:
    """A task of eight steps in two epochs on the pictures of pictures.yaml."""
    asked = task(train={"batch_size": 8, "average_decay": 0.9}, num_classes=2, input_size=16, dropout=0.2)
    data = {"name": "image_folder", "root": str(study.parent / "pictures"), "image_size": 16}
    return {**asked, "data": data, **more}


# A trial that saves at every step, and kills itself: in the sixth step, or before the sixth checkpoint is renamed.
DYING = """
import json, os, signal, sys
from functools import partial
from pathlib import Path
import torch
from ablate import trial

torch.set_num_threads(1)
trial.Checkpoint = partial(trial.Checkpoint, every_seconds=0.0, share=1.0)
trial.Pulse = partial(trial.Pulse, every_seconds=0.0)
replace, renamed = Path.replace, []

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def replace_or_die(path, target):
    renamed.append(target)
    return replace(path, target) if len(renamed) < 6 else die()

if sys.argv[2] == "rename":
    Path.replace = replace_or_die
trial.run(json.loads(sys.argv[1]), lambda told: die() if sys.argv[2] == "step" and told.get("step") == 5 else None)
"""


class TestCheckpoint:
    @pytest.mark.slow
    @pytest.mark.parametrize("moment", ["step", "rename"])
    def test_a_killed_process_is_gone_on_from_to_the_same_record(
        self, moment: str, pictures_study: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = pictures_study.parent / "checkpoints" / "k.pt"
        asked, told = pictures(pictures_study, checkpoint=str(path)), list[dict[str, Any]]()
        undisturbed = trial.run(pictures(pictures_study), ignore)
        dead = subprocess.run(
            [sys.executable, "-c", DYING, json.dumps(asked), moment], capture_output=True, check=False
        )
        assert dead.returncode == -signal.SIGKILL, dead.stderr
        assert len(list(path.parent.iterdir())) == {"step": 1, "rename": 2}[moment]  # the second is half a checkpoint
        again = trial.run(asked, told.append)
        assert without_times(again) == without_times(undisturbed)
        # The first epoch was over, so the second alone is trained and told; nobody complained.
        assert told == again["curve"][1:]
        assert capsys.readouterr().err == ""

    def interrupted(self, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """Train `asked`, saving at every step, until the first epoch is over."""

        def stop(_: dict[str, Any]) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(trial, "Checkpoint", partial(Checkpoint, every_seconds=0.0, share=1.0))
            with pytest.raises(KeyboardInterrupt):
                trial.run(asked, stop)
        assert Path(asked["checkpoint"]).is_file()

    def test_on_another_machine_it_starts_afresh(
        self, pictures_study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = pictures(pictures_study, checkpoint=str(pictures_study.parent / "k.pt"))
        self.interrupted(asked, monkeypatch)
        monkeypatch.setattr("ablate.environment._cpu_model", lambda: "Z80")
        trial._machine.cache_clear()
        told: list[dict[str, Any]] = []
        trial.run(asked, told.append)
        assert [point["epoch"] for point in told] == [1, 2]
        assert "k.pt is not used, it differs in cpu; training starts afresh\n" in capsys.readouterr().err

    def test_with_other_threads_it_starts_afresh(
        self, pictures_study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = pictures(pictures_study, checkpoint=str(pictures_study.parent / "k.pt"))
        self.interrupted(asked, monkeypatch)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
        told: list[dict[str, Any]] = []
        trial.run(asked, told.append)
        assert [point["epoch"] for point in told] == [1, 2]
        assert "it differs in threads; training starts afresh\n" in capsys.readouterr().err

    def test_the_test_split_is_read_once_by_a_trial_that_was_killed_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        events = watched(monkeypatch)
        asked = {**task(), "checkpoint": str(tmp_path / "k.pt")}
        self.interrupted(asked, monkeypatch)
        assert events == ["load train"]
        trial.run(asked, lambda _: events.append("epoch"))
        assert events == ["load train", "epoch", "epoch", "trained", "load test", "evaluate"]


@pytest.mark.slow
def test_fifty_trials_in_one_worker_take_no_more_memory_than_ten(pictures_study: Path, tmp_path: Path) -> None:
    arms = [resolve("mini_xception", {"width": 0.25, "downsample": name}) for name in ("spd", "strided", "maxpool")]
    worker = LocalWorker(Execution(device="cpu", workers=1, threads=1))
    taken = []
    for number in range(50):
        model = replace(arms[number % 3], num_classes=2, input_size=16).as_json()
        asked = pictures(pictures_study, key=str(number), seed=number, model=model)
        worker.run(Call("ablate.trial:run", asked, tmp_path / "log", timeout_seconds=None), ignore)
        taken.append(psutil.Process(worker._process.pid).memory_info().rss / 2**20)
    worker.close()
    # A network of the first kind with its gradients and momenta takes 10 MiB.
    assert taken[-1] - taken[9] < 10


class Guarded:
    """A test split that notes whoever reads it, and when."""

    def __init__(self, whole: EvaluationSet, events: list[str]) -> None:
        self._whole, self._events = whole, events

    @property
    def images(self) -> torch.Tensor:
        self._events.append("read")
        return self._whole.images

    @property
    def labels(self) -> torch.Tensor:
        self._events.append("read")
        return self._whole.labels

    def part(self, places: slice) -> torch.Tensor:
        self._events.append("read")
        return self._whole.part(places)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that happens to the splits in a trial, in order; readings within `evaluate` are told apart."""
    events: list[str] = []
    evaluate, fit = trial.evaluate, trial.fit

    def load(config: DataConfig, split: SplitName) -> Split:
        events.append(f"load {split}")
        return few(config, split)

    def watched_fit(*arguments: Any, **options: Any) -> Any:
        fitted = fit(*arguments, **options)
        events.append("trained")
        return fitted

    def watched_evaluate(*arguments: Any) -> Evaluation:
        start = len(events)
        scored = evaluate(*arguments)
        events[start:] = ["evaluate"]
        return scored

    def guarded(split: Split, device: torch.device) -> Any:
        return Guarded(evaluation_set(split, device), events)

    monkeypatch.setattr(small_objects, "load", load)
    monkeypatch.setattr(trial, "fit", watched_fit)
    monkeypatch.setattr(trial, "evaluate", watched_evaluate)
    monkeypatch.setattr(materials, "evaluation_set", guarded)
    return events


def test_the_test_split_is_read_once_and_after_training(monkeypatch: pytest.MonkeyPatch) -> None:
    events = watched(monkeypatch)
    trial.run(task(), lambda _: events.append("epoch"))
    assert events == ["load train", "epoch", "epoch", "trained", "load test", "evaluate"]
    events.clear()
    trial.run(task(seed=2), lambda _: events.append("epoch"))
    assert events == ["epoch", "epoch", "trained", "evaluate"]


def test_mean_and_deviation_do_not_see_the_test_split() -> None:
    test = Split(np.full((4, 3, 8, 8), 255, dtype=np.uint8), np.zeros(4, dtype=np.int64))
    whole = few(DataConfig(name="small_objects"), "train")
    train = training_set(whole, np.arange(100), "none", torch.device("cpu"), side=8)
    seen: list[torch.Tensor] = []

    class Spy(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return torch.zeros(len(images), 10)

    trial.evaluate(Spy(), evaluation_set(test, torch.device("cpu")), train, TrainConfig(epochs=1, precision="fp32"))
    expected = (1.0 - train.mean) / train.std
    torch.testing.assert_close(seen[0], expected.expand(4, 3, 8, 8))


def test_evaluation_by_hand() -> None:
    """1,201 images, more than two batches of the evaluation: losses and hits of every one, in their order."""
    source = np.random.default_rng(0)
    split = Split(source.integers(0, 256, (1201, 3, 2, 2), dtype=np.uint8), source.integers(0, 10, 1201))
    train = training_set(split, np.arange(100), "none", torch.device("cpu"))
    layer = nn.Linear(12, 10)
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), layer).train()
    scored = trial.evaluate(
        network, evaluation_set(split, torch.device("cpu")), train, TrainConfig(epochs=1, precision="fp32")
    )
    pixels = (split.images / 255 - train.mean.double().numpy()) / train.std.double().numpy()
    logits = pixels.reshape(1201, 12) @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scored.losses, -np.log(shares[np.arange(1201), split.labels]), atol=1e-5)
    np.testing.assert_array_equal(scored.correct, logits.argmax(axis=1) == split.labels)


@pytest.mark.usefixtures("few_images")
def test_bf16_scores_with_fp32_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    dtypes: set[torch.dtype] = set()
    network_of = trial.network_on

    def watched_network(*arguments: Any) -> nn.Module:
        network = network_of(*arguments)
        network.register_forward_hook(lambda _, __, logits: dtypes.add(logits.dtype))
        return network

    monkeypatch.setattr(trial, "network_on", watched_network)
    stored = trial.run(task(train={"precision": "bf16", "epochs": 1}), ignore)
    assert stored["state"] == "complete"
    assert dtypes == {torch.float32}


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize(("stated", "flips"), [("auto", True), ("crop", False)])
def test_auto_is_the_augmentation_of_the_data_set(stated: str, flips: bool) -> None:
    data = DataConfig(name="small_objects", train_limit=100)
    images = materials.training_data(data, stated, 32, torch.device("cpu")).images
    assert (images.flips, images.margin) == (flips, 4)


@pytest.mark.usefixtures("few_images")
def test_the_limit_of_the_data_is_what_is_trained_on() -> None:
    data = DataConfig(name="small_objects", train_limit=100)
    train = materials.training_data(data, "auto", 32, torch.device("cpu"))
    assert torch.bincount(train.labels).tolist() == [10] * 10


WATCHING: dict[str, Any] = {"stop_patience_epochs": 5}


@pytest.mark.usefixtures("few_images")
def test_images_held_out_are_neither_trained_on_nor_in_the_statistics() -> None:
    data = DataConfig(name="small_objects", train_limit=200, validation=0.25)
    train = materials.training_data(data, "none", 32, torch.device("cpu"))
    assert train.validation is not None
    assert torch.bincount(train.labels).tolist() == [15] * 10
    assert torch.bincount(train.validation.labels).tolist() == [5] * 10
    trained_on = train.images.pixels.permute(0, 3, 1, 2)
    assert not {image.numpy().tobytes() for image in trained_on.contiguous()} & {
        image.numpy().tobytes() for image in train.validation.images.contiguous()
    }
    pixels = trained_on.double() / 255
    torch.testing.assert_close(train.mean.flatten().double(), pixels.mean((0, 2, 3)), atol=1e-6, rtol=0)
    # Together they are what would be trained on without validation.
    whole = materials.training_data(data.model_copy(update={"validation": None}), "auto", 32, train.mean.device)
    assert len(whole.labels) == 200
    assert whole.validation is None


def watched_task(**train: Any) -> dict[str, Any]:
    asked = task(train={**WATCHING, **train})
    return {**asked, "data": {**asked["data"], "validation": 0.2}}


def test_the_test_split_waits_for_the_end_of_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    events = watched(monkeypatch)
    trial.run(watched_task(), lambda _: events.append("epoch"))
    assert events == ["load train", "epoch", "epoch", "trained", "load test", "evaluate"]


@pytest.mark.usefixtures("few_images")
def test_a_curve_has_a_validation_loss_only_where_there_is_one() -> None:
    plain = ["epoch", "train_loss", "train_accuracy", "learning_rate"]
    assert [list(point) for point in trial.run(task(), ignore)["curve"]] == [plain] * 2
    points: list[dict[str, Any]] = []
    stored = trial.run(watched_task(), points.append)
    assert [list(point) for point in stored["curve"]] == [[*plain, "validation_loss"]] * 2
    assert stored["curve"] == points
    # 160 of 200 images are left to train on: three full batches of 50.
    assert stored["steps"] == 6


@pytest.mark.usefixtures("few_images")
def test_a_network_of_another_size_is_trained_and_scored_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: set[tuple[int, ...]] = set()
    network_of = trial.network_on

    def watched_network(*arguments: Any) -> nn.Module:
        network = network_of(*arguments)
        network.register_forward_pre_hook(lambda _, inputs: shapes.add(tuple(inputs[0].shape[1:])))
        return network

    monkeypatch.setattr(trial, "network_on", watched_network)
    stored = trial.run(task(train={"epochs": 1, "test_crop": 0.9}, input_size=40), ignore)
    assert (stored["state"], shapes) == ("complete", {(3, 40, 40)})


# What makes a recipe small enough for a test; each still does all that it is made of.
SHORT: dict[str, dict[str, Any]] = {
    "xception_imagenet": {"epochs": 3, "decay_epochs": 1.0},
    "xception_jft": {"epochs": 2, "decay_images": 100},
    "guide_cifar10": {"epochs": 1},
    "mini_xception": {"epochs": 4, "patience_epochs": 1, "stop_patience_epochs": 2},
    "spd_conv_cifar10": {"epochs": 3, "milestones": [1, 2], "warmup_epochs": 0.5},
}


@pytest.mark.slow
@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("name", RECIPES)
def test_every_published_recipe_trains(name: str) -> None:
    small = {"width": 0.125, "middle_depth": 0, **({"input_size": 48} if name == "guide_cifar10" else {})}
    stated = {
        "model": small,
        "data": {"name": "small_objects", "train_limit": 200},
        "train": {"recipe": name, "batch_size": 40, "precision": "fp32", **SHORT[name]},
    }
    sections = expanded(stated)
    asked = {**task(), "data": sections["data"], "train": sections["train"]}
    asked["model"] = resolve("mini_xception", sections["model"]).as_json()
    stored = trial.run(asked, ignore)
    assert stored["state"] == "complete"
    assert ("validation_loss" in stored["curve"][0]) == (name == "mini_xception")


class TestTuning:
    """A trial of tuning, which is told when to stop and scored on what is held out, or of a search, scored alike."""

    def rehearsal(self, stop_above: list[float], **train: Any) -> dict[str, Any]:
        order = task(train={"epochs": 3, **train})
        held_out = {**order["data"], "validation": 0.1}
        return {**order, "scored": "validation", "data": held_out, "stop_above": stop_above}

    def test_it_never_sees_the_test_split(self, monkeypatch: pytest.MonkeyPatch) -> None:
        events = watched(monkeypatch)
        record = Record(**trial.run(self.rehearsal([]), lambda _: events.append("epoch")))
        assert [event for event in events if event != "read"] == ["load train", *["epoch"] * 3, "trained"]
        assert (record.scored, record.test_images, record.state) == ("validation", 20, "complete")

    def test_a_trial_of_a_search_does_not_either_and_is_scored_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        events, order = watched(monkeypatch), self.rehearsal([])
        del order["stop_above"]
        record = Record(**trial.run(order, ignore))
        assert "load test" not in events
        assert record.scored == "validation"
        assert ["validation_loss" in point for point in record.curve] == [False] * 3
        scored_always = Record(**trial.run(self.rehearsal([]), ignore))
        assert (record.correct, record.metrics["test_loss"]) == (
            scored_always.correct,
            scored_always.metrics["test_loss"],
        )

    def test_its_score_is_that_of_the_images_held_out(self, few_images: None) -> None:
        """The same training, watched by another recipe, tells the same losses; the bits give the accuracy."""
        record = Record(**trial.run(self.rehearsal([]), lambda _: None))
        watching = self.rehearsal([], schedule="plateau", decay_factor=0.5, patience_epochs=100)
        del watching["stop_above"]
        stated = Record(**trial.run({**watching, "scored": "test"}, lambda _: None))
        assert record.metrics["test_loss"] == pytest.approx(record.curve[-1]["validation_loss"], rel=1e-6)
        assert unpack_bits(record.correct, 20).mean() == pytest.approx(record.metrics["accuracy"])
        assert "validation_loss" in stated.curve[0]
        assert stated.scored == "test"

    def test_it_ends_at_the_first_epoch_that_is_behind(self, few_images: None) -> None:
        whole = Record(**trial.run(self.rehearsal([]), lambda _: None))
        losses = [point["validation_loss"] for point in whole.curve]
        assert all(loss is not None for loss in losses)
        first, second = float(losses[0] or 0), float(min(losses[:2]) or 0)  # type: ignore[type-var]
        for limits, epochs, state in (
            ([first + 0.1, second + 0.1], 3, "complete"),
            ([first, second], 3, "complete"),
            ([first - 1e-6, second + 0.1], 1, "pruned"),
            ([first + 0.1, second - 1e-6], 2, "pruned"),
        ):
            record = Record(**trial.run(self.rehearsal(limits), lambda _: None))
            assert (len(record.curve), record.state) == (epochs, state)
            assert record.curve == whole.curve[:epochs]

    def test_a_search_for_latency_has_its_network_timed_beside_another(self, few_images: None, tmp_path: Path) -> None:
        order = self.rehearsal([])
        assert Record(**trial.run(order, ignore)).timed is None
        beside = {"model": resolve("mini_xception", {"width": 0.0625}).as_task(), "batch": 2, "mode": "eager"}
        record = Record(**trial.run({**order, "key": "a" * 64, "timed_beside": beside}, ignore))
        assert record.timed is not None
        assert set(record.timed) == {"latency_ms", "baseline_latency_ms"}
        assert min(record.timed.values()) > 0
        save_record(tmp_path, record)
        assert load_record(tmp_path, record.key) == record
