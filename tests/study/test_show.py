"""Which network `ablate show` means."""

from pathlib import Path

import pytest

from ablate.errors import StudyError, UnknownName
from ablate.models import resolve
from ablate.study.show import network_of


def test_a_preset_is_itself() -> None:
    assert network_of("xception", ()) == resolve("xception", {})


def test_fields_of_a_preset_can_be_set() -> None:
    changed = network_of("mini_xception", ["model.width=0.5", "model.downsample_kernel=[5, 3]", "model.num_classes=7"])
    assert (changed.width, changed.downsample_kernel, changed.num_classes) == (0.5, (5, 3), 7)
    assert changed.middle_depth == 3


def test_a_study_shows_its_baseline(toy_study: Path) -> None:
    network = network_of(str(toy_study), ())
    assert (network.preset, network.downsample, network.width) == ("mini_xception", "strided", 0.125)
    assert (network.num_classes, network.input_size) == (10, 32)
    other = network_of(str(toy_study), ["baseline.model.downsample=maxpool", "model.width=1"])
    assert (other.downsample, other.width) == ("maxpool", 1.0)


@pytest.mark.parametrize(
    ("target", "overrides", "error", "expected"),
    [
        ("xcepton", [], UnknownName, r"unknown network 'xcepton'; did you mean 'xception'\? .* or the path of a study"),
        ("nowhere.yaml", [], StudyError, r"^nowhere\.yaml: no such file"),
        (
            "xception",
            ["model.wdith=2"],
            StudyError,
            r"^--set model\.wdith=2: model\.wdith: unknown key 'wdith'; did you mean 'width'",
        ),
        ("xception", ["model.width=wide"], StudyError, r"model\.width: expected a number, not 'wide'"),
        (
            "xception",
            ["train.lr=2"],
            StudyError,
            r"^--set train\.lr=2: train: a preset alone has no 'train'; only model",
        ),
        ("xception", ["model=3"], StudyError, r"^--set model=3: model: expected a mapping"),
        ("xception", ["width"], StudyError, r"^--set width: expected path=value"),
    ],
)
def test_what_is_wrong_is_named(target: str, overrides: list[str], error: type[Exception], expected: str) -> None:
    with pytest.raises(error, match=expected):
        network_of(target, overrides)
