"""What makes a search the search it is."""

from pathlib import Path
from typing import Any

import pytest

from ablate.study.planning import searched
from ablate.study.planning.searched import course_of, identity
from ablate.study.reading.load import load_study

STUDY = """\
name: toy
model: {preset: mini_xception, width: 0.125, middle_depth: 1}
data: {name: small_objects, train_limit: 200}
train: {epochs: 1, batch_size: 16, precision: fp32}
factors:
  model.downsample: [strided, spd, maxpool]
baseline: {model.downsample: strided}
design: search
search:
  fields: {model.width: {low: 0.06, high: 0.3}, model.middle_depth: {low: 0, high: 2}}
  objectives: [accuracy, params]
  trials: 20
  front: 4
seeds: 3
measure: [accuracy]
"""
TIMED = ("search.objectives=[accuracy, latency]", "measure=[accuracy, latency]")


@pytest.fixture
def of(tmp_path: Path) -> Any:
    (tmp_path / "toy.yaml").write_text(STUDY)
    return lambda *overrides: identity(load_study(tmp_path / "toy.yaml", overrides))


@pytest.mark.parametrize(
    ("overrides", "golden"),
    [
        ((), "9f3f0f91f540005d49bfb0efff87d54c4b7b23879f10aab3f940f409c136b4a8"),
        (("cost.batch_sizes=[8]", "seeds=5"), "9f3f0f91f540005d49bfb0efff87d54c4b7b23879f10aab3f940f409c136b4a8"),
        (("search.parallel=4",), "9f3f0f91f540005d49bfb0efff87d54c4b7b23879f10aab3f940f409c136b4a8"),
        (TIMED, "1e4d2cc47d3b6f980d2141044c1dd62b003b6303d5fc16d585395b2a51aa4e77"),
    ],
)
def test_a_search_that_was_begun_goes_on(
    of: Any, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], golden: str
) -> None:
    """As made before sources, budgets and timing were looked at."""
    monkeypatch.setattr(searched, "TRAINING_VERSION", 2)
    assert of(*overrides) == golden


@pytest.mark.parametrize(
    "override",
    ["budget={on: macs}", "cost.batch_sizes=[8, 1]", "cost.modes=[compiled]", "search.trials=8", "search.parallel=8"],
)
def test_what_a_trial_is_worth_depends_on_is_in_it(of: Any, override: str) -> None:
    assert of(*TIMED, override) != of(*TIMED)


def test_of_costs_the_first_batch_and_mode_alone_are_timed(of: Any) -> None:
    assert of(*TIMED, "cost={batch_sizes: [1, 8], modes: [eager, compiled], threads: 2}") == of(*TIMED)


@pytest.mark.parametrize("override", ["search.trials=8", "search.front=2"])
def test_how_far_a_search_goes_changes_no_proposal(tmp_path: Path, override: str) -> None:
    (tmp_path / "toy.yaml").write_text(STUDY)
    shorter, whole = (load_study(tmp_path / "toy.yaml", overrides) for overrides in ((override,), ()))
    assert identity(shorter) != identity(whole)
    assert course_of(shorter) == course_of(whole)


@pytest.mark.parametrize("override", ["search.parallel=8", "search.sampler=random", "train.epochs=2"])
def test_what_proposals_depend_on_changes_the_course(tmp_path: Path, override: str) -> None:
    (tmp_path / "toy.yaml").write_text(STUDY)
    other, whole = (load_study(tmp_path / "toy.yaml", overrides) for overrides in ((override,), ()))
    assert course_of(other) != course_of(whole)
