"""A factor over a field that no network of the study reads."""

from pathlib import Path

import pytest

from ablate.errors import StudyError
from ablate.study.load import load_study

STUDY = """\
name: effects
model: {preset: PRESET}
data: {name: small_objects}
train: {epochs: 1}
factors:
FACTORS
baseline: {BASELINE}
seeds: 1
"""


def load(folder: Path, preset: str, factors: str, baseline: str) -> None:
    text = STUDY.replace("PRESET", preset).replace("FACTORS", factors).replace("BASELINE", baseline)
    (folder / "study.yaml").write_text(text)
    load_study(folder / "study.yaml")


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
