"""What a recipe lacks, or states to no effect."""

from typing import Any, get_args

import pytest
from torch import nn

from ablate.errors import StudyError
from ablate.schema import TrainConfig
from ablate.train.check import READERS, SETTINGS, check_recipe, decider_of, recipe_fields_read, watches_validation
from ablate.train.optimizers import OPTIMIZERS, optimizer_for

GOOD: dict[str, dict[str, Any]] = {
    **{schedule: {} for schedule in ("one_cycle", "cosine", "step", "exponential", "constant")},
    "staircase": {"decay_factor": 0.94, "decay_epochs": 2.0},
    "milestones": {"decay_factor": 0.2, "milestones": (2, 4)},
    "plateau": {"decay_factor": 0.1, "patience_epochs": 3},
}


def checked(held_out: int = 10, steps: int = 50, **fields: Any) -> None:
    """Ten steps an epoch, five epochs."""
    check_recipe(TrainConfig(**{"epochs": 5, **fields}), steps, 10, held_out)


def test_every_schedule_has_its_settings() -> None:
    assert set(SETTINGS) == set(get_args(TrainConfig.model_fields["schedule"].annotation))
    assert set(READERS) <= set(TrainConfig.model_fields)


@pytest.mark.parametrize("schedule", SETTINGS)
def test_a_schedule_with_what_it_needs_is_fine(schedule: str) -> None:
    checked(schedule=schedule, **GOOD[schedule])


@pytest.mark.parametrize(
    ("schedule", "dropped", "needed"),
    [
        ("staircase", "decay_factor", r"train\.decay_factor"),
        ("staircase", "decay_epochs", r"train\.decay_epochs or train\.decay_images"),
        ("milestones", "decay_factor", r"train\.decay_factor"),
        ("milestones", "milestones", r"train\.milestones"),
        ("plateau", "decay_factor", r"train\.decay_factor"),
        ("plateau", "patience_epochs", r"train\.patience_epochs"),
    ],
)
def test_what_a_schedule_lacks_is_named(schedule: str, dropped: str, needed: str) -> None:
    fields = {name: value for name, value in GOOD[schedule].items() if name != dropped}
    with pytest.raises(StudyError, match=rf"train\.schedule: {schedule} needs {needed}; state it"):
        checked(schedule=schedule, **fields)


@pytest.mark.parametrize(
    ("schedule", "field", "value", "readers"),
    [
        ("cosine", "milestones", (2,), "milestones"),
        ("cosine", "decay_factor", 0.5, "staircase or milestones or plateau"),
        ("milestones", "patience_epochs", 3, "plateau"),
        ("plateau", "decay_epochs", 1.0, "staircase"),
        ("one_cycle", "decay_images", 100, "staircase"),
    ],
)
def test_what_a_schedule_does_not_read_is_an_error(schedule: str, field: str, value: Any, readers: str) -> None:
    fields = {**GOOD[schedule], field: value}
    with pytest.raises(
        StudyError, match=rf"train\.{field}: schedule {schedule} does not read it.*train\.schedule to {readers}$"
    ):
        checked(schedule=schedule, **fields)


def test_a_staircase_has_one_length() -> None:
    with pytest.raises(StudyError, match=r"train\.decay_images: stands beside train\.decay_epochs.*state one"):
        checked(schedule="staircase", decay_factor=0.9, decay_epochs=2.0, decay_images=1000)


@pytest.mark.parametrize(("milestones", "steps"), [((2, 5), 50), ((2, 4), 40), ((3,), 25)])
def test_a_milestone_that_training_does_not_pass_is_an_error(milestones: tuple[int, ...], steps: int) -> None:
    message = (
        rf"train\.milestones: {milestones[-1]} is not before the end.*{steps / 10:g} epochs; state other milestones"
    )
    with pytest.raises(StudyError, match=message) as error:
        checked(schedule="milestones", decay_factor=0.2, milestones=milestones, steps=steps)
    assert "never changed silently" in str(error.value)


def test_the_last_milestone_may_have_one_step_behind_it() -> None:
    checked(schedule="milestones", decay_factor=0.2, milestones=(2, 4), steps=41)


@pytest.mark.parametrize("milestones", [(4, 2), (2, 2)])
def test_milestones_rise(milestones: tuple[int, ...]) -> None:
    with pytest.raises(StudyError, match=r"train\.milestones: 2 stands behind [24]; state them rising"):
        checked(schedule="milestones", decay_factor=0.2, milestones=milestones)


@pytest.mark.parametrize(
    ("fields", "watcher"),
    [
        ({"schedule": "plateau", **GOOD["plateau"]}, r"train\.schedule: plateau"),
        ({"stop_patience_epochs": 3}, r"train\.stop_patience_epochs"),
    ],
)
def test_who_watches_a_validation_loss_needs_images_held_out(fields: dict[str, Any], watcher: str) -> None:
    checked(**fields)
    assert watches_validation(TrainConfig(epochs=1, **fields))
    with pytest.raises(StudyError, match=rf"data\.validation: holds out no images, but {watcher} watches"):
        checked(held_out=0, **fields)


def test_others_do_not_watch() -> None:
    checked(held_out=0)
    assert not watches_validation(TrainConfig(epochs=1, schedule="milestones", **GOOD["milestones"]))


# --- What a recipe reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_momentum_is_read_by_the_optimizers_that_are_given_it(name: str) -> None:
    settings = []
    for momentum in (0.1, 0.7):
        recipe = TrainConfig(epochs=1, optimizer=name, momentum=momentum)  # type: ignore[arg-type]
        settings.append(optimizer_for(nn.Linear(1, 1), recipe).defaults)
    assert ("momentum" in recipe_fields_read(TrainConfig(epochs=1, optimizer=name))) == (settings[0] != settings[1])  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", SETTINGS)
def test_a_schedule_reads_its_own_settings_and_no_other_s(schedule: str) -> None:
    read = set(recipe_fields_read(TrainConfig(epochs=1, schedule=schedule)))  # type: ignore[arg-type]
    own = {field for fields in SETTINGS[schedule] for field in fields}
    assert read & READERS.keys() == own
    assert {"lr", "weight_decay", "warmup_epochs", "label_smoothing", "epochs", "steps", "recipe"} <= read


def test_what_decides_whether_a_field_is_read() -> None:
    assert (decider_of("momentum"), decider_of("milestones")) == ("optimizer", "schedule")
