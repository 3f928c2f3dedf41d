"""Trials on images held out, and what their keys hold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ablate.models.spec import BuilderSpec
from ablate.study.running.rehearsal import Timing, rehearsal_of


def timed_beside(folder: Path) -> Timing:
    model = BuilderSpec(
        builder="net.py:net",
        digest="0" * 64,
        arguments={},
        num_classes=10,
        input_size=32,
        in_channels=3,
        folder=str(folder),
    )
    return Timing(model, 4, "eager")


def test_where_a_builder_lies_is_for_the_worker_alone(make_plan: Any, tmp_path: Path) -> None:
    variant = make_plan().variants[0].variant
    here, there = (
        rehearsal_of(variant, "1" * 64, 0, timing=timed_beside(tmp_path / name)) for name in ("here", "there")
    )
    assert here.key == there.key
    assert here.task["timed_beside"]["model"]["folder"] == str(tmp_path / "here")
    assert rehearsal_of(variant, "1" * 64, 0).key != here.key


def test_images_are_held_out_and_no_final_trial_has_the_seed(make_plan: Any) -> None:
    variant = make_plan().variants[0].variant
    job = rehearsal_of(variant, "1" * 64, 3, stop_above=[2.0, 1.0])
    assert (job.seed, job.task["seed"], job.task["stop_above"]) == (10_003, 10_003, [2.0, 1.0])
    assert job.task["data"]["validation"] == 0.1
    assert job.task["scored"] == "validation"
    stated = replace(variant, data=variant.data.model_copy(update={"validation": 0.3}))
    assert rehearsal_of(stated, "1" * 64, 3).task["data"]["validation"] == 0.3
