"""What a study states to no effect: a factor that nothing reads, a --set that every level overrides."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ablate.errors import StudyError
from ablate.models.spec import ModelSpec
from ablate.study.reading.load import Study, load_study
from ablate.study.show import network_of

STUDY = """\
name: effects
model: {preset: PRESET}
data: {name: small_objects}
train: {epochs: 1TRAIN}
factors:
FACTORS
baseline: {BASELINE}
seeds: 1
"""


def load(
    folder: Path, preset: str, factors: str, baseline: str, overrides: Sequence[str] = (), train: str = ""
) -> Study:
    text = STUDY.replace("PRESET", preset).replace("FACTORS", factors).replace("BASELINE", baseline)
    (folder / "study.yaml").write_text(text.replace("TRAIN", train))
    return load_study(folder / "study.yaml", overrides)


@pytest.mark.parametrize(
    ("preset", "factors", "baseline", "expected"),
    [
        (
            "xception",  # pools, so no convolution has the kernel
            "  model.downsample_kernel: [[3, 1], [5, 1]]",
            "model.downsample_kernel: 3-1",
            r"study\.yaml:6: factors\.model\.downsample_kernel: model\.downsample_kernel has no effect on xception",
        ),
        (
            "mobilenet_v1",  # has no skip connections
            "  model.skip_norm: [batch, none]",
            "model.skip_norm: batch",
            r"study\.yaml:6: .*model\.skip_norm has no effect on mobilenet_v1",
        ),
        (
            "xception_guide",  # a strided depthwise leaves the skip branch nothing but its own stride
            "  f:\n    a: {model.width: 0.5}\n    b:\n      model.skip_downsample: same",
            "f: a",
            r"study\.yaml:9: factors\.f\.b\.model\.skip_downsample: model\.skip_downsample has no effect",
        ),
        (
            "mini_xception, residual: none",
            "  model.skip_downsample: [same, strided]",
            "model.skip_downsample: same",
            r"model\.skip_downsample has no effect on mini_xception",
        ),
    ],
)
def test_it_is_refused(tmp_path: Path, preset: str, factors: str, baseline: str, expected: str) -> None:
    with pytest.raises(StudyError, match=expected):
        load(tmp_path, preset, factors, baseline)


@pytest.mark.parametrize(
    ("preset", "factors", "baseline"),
    [
        # One variant that reads the field is enough.
        (
            "xception",
            "  model.downsample: [maxpool, spd]\n  model.downsample_kernel: [[3, 1], [5, 1]]",
            "model.downsample: spd, model.downsample_kernel: 3-1",
        ),
        (
            "mobilenet_v1",
            "  f:\n    a: {model.residual: none}\n    b: {model.residual: add, model.skip_norm: none}",
            "f: a",
        ),
        ("mini_xception", "  model.middle_depth: [0, 1]", "model.middle_depth: 1"),
        ("mini_xception", "  train.lr: [0.1, 0.2]", "train.lr: 0.1"),
    ],
)
def test_one_that_is_read_somewhere_is_welcome(tmp_path: Path, preset: str, factors: str, baseline: str) -> None:
    load(tmp_path, preset, factors, baseline)


# --- Training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "factors", "baseline", "expected"),
    [
        (
            ", optimizer: adam",
            "  train.momentum: [0.5, 0.9]",
            "train.momentum: 0.5",
            r"study\.yaml:6: factors\.train\.momentum: train\.momentum has no effect with train\.optimizer adam; leave",
        ),
        (
            "",
            "  f:\n    a: {train.lr: 0.1}\n    b:\n      train.optimizer: adamw\n      train.momentum: 0.5",
            "f: a",
            r"study\.yaml:10: factors\.f\.b\.train\.momentum: .* no effect with train\.optimizer adamw",
        ),
        (
            ", schedule: cosine",
            "  train.decay_factor: [0.1, 0.5]",
            "train.decay_factor: 0.1",
            r"train\.decay_factor has no effect with train\.schedule cosine",
        ),
        ("", "  train.milestones: [[1], [2]]", "train.milestones: '1'", r"no effect with train\.schedule one_cycle"),
    ],
)
def test_a_factor_that_training_does_not_read_is_refused(
    tmp_path: Path, train: str, factors: str, baseline: str, expected: str
) -> None:
    with pytest.raises(StudyError, match=expected):
        load(tmp_path, "mini_xception", factors, baseline, train=train)


@pytest.mark.parametrize(
    ("train", "factors", "baseline"),
    [
        ("", "  train.momentum: [0.5, 0.9]", "train.momentum: 0.5"),
        ("", "  train.weight_decay: [0, 0.1]", "train.weight_decay: 0"),
        (
            "",
            "  train.optimizer: [sgd, adam]\n  train.momentum: [0.5, 0.9]",
            "train.optimizer: sgd, train.momentum: 0.5",
        ),
        # Null takes back what the base configuration states.
        (
            ", schedule: staircase, decay_factor: 0.5, decay_epochs: 1",
            "  f:\n    a: {train.schedule: staircase}\n"
            "    b: {train.schedule: cosine, train.decay_factor: null, train.decay_epochs: null}",
            "f: a",
        ),
        ("", "  train.recipe: [guide_cifar10, spd_conv_cifar10]", "train.recipe: guide_cifar10"),
    ],
)
def test_a_factor_that_some_training_reads_is_welcome(tmp_path: Path, train: str, factors: str, baseline: str) -> None:
    load(tmp_path, "mini_xception", factors, baseline, train=train)


# --- Overrides -------------------------------------------------------------------------------------------------------

WIDTHS = ("mini_xception", "  model.width: [0.25, 0.5]", "model.width: 0.25")
NAMED = (
    "mini_xception",
    "  f:\n    a: {model.width: 0.25}\n    b: {model.width: 0.5, model.activation: elu}",
    "f: a",
)


def width_of(folder: Path, *overrides: str) -> float:
    spec = network_of(str(folder / "study.yaml"), overrides)
    assert isinstance(spec, ModelSpec)
    return spec.width


def test_a_set_that_every_level_overrides_says_how_to_choose_the_baseline(tmp_path: Path) -> None:
    load(tmp_path, *WIDTHS)
    message = (
        r"^--set model\.width=0\.5: model\.width: is a factor of this study, and each of its levels sets it; choose "
        r"the baseline with --set baseline\.model\.width=0\.5$"
    )
    with pytest.raises(StudyError, match=message):
        width_of(tmp_path, "model.width=0.5")
    assert width_of(tmp_path, "baseline.model.width=0.5") == 0.5


def test_a_set_of_what_is_no_level_says_how_to_make_it_one(tmp_path: Path) -> None:
    load(tmp_path, *WIDTHS)
    message = (
        r"make it a level with --set 'factors\.model\.width=\[0\.25, 0\.5, 0\.75\]', and choose the baseline with "
        r"--set baseline\.model\.width=0\.75$"
    )
    with pytest.raises(StudyError, match=message):
        width_of(tmp_path, "model.width=0.75")
    assert width_of(tmp_path, "factors.model.width=[0.25, 0.5, 0.75]", "baseline.model.width=0.75") == 0.75


def test_a_set_that_every_named_level_overrides_says_how_to_change_one(tmp_path: Path) -> None:
    load(tmp_path, *NAMED)
    message = (
        r"^--set model\.width=0\.75: model\.width: every level of factor 'f' sets it, so that no variant has this "
        r"value; change a level, such as with --set 'factors\.f\.a\.model\.width=0\.75', or .* --set baseline\.f=LEVEL$"
    )
    with pytest.raises(StudyError, match=message):
        width_of(tmp_path, "model.width=0.75")
    assert width_of(tmp_path, "factors.f.a.model.width=0.75") == 0.75
    assert width_of(tmp_path, "baseline.f=b") == 0.5


def test_a_set_that_one_level_leaves_alone_is_welcome(tmp_path: Path) -> None:
    study = load(tmp_path, *NAMED, overrides=["model.activation=gelu"])
    assert study.config.model.model_dump()["activation"] == "gelu"


def test_levels_that_name_a_builder_take_nothing_over(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("def build(num_classes, k: int = 1): ...\ndef other(num_classes, k: int = 1): ...")
    factors = '  model.builder: ["net.py:build", "net.py:other"]'
    with pytest.raises(
        StudyError, match=r"^--set model\.width=0\.5: model\.width: no variant of this study has this value"
    ):
        load(tmp_path, "mini_xception", factors, 'model.builder: "net.py:build"', ["model.width=0.5"])
