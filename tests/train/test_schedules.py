"""Learning rate schedules against torch's own and against values worked out by hand."""

import math
import random
from itertools import pairwise
from typing import Any, get_args

import pytest
import torch

from ablate.schema import TrainConfig
from ablate.train.check import SETTINGS
from ablate.train.length import Length
from ablate.train.schedules import DECAYS, SCHEDULES, factor, learning_rate

STEPS = 101


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    """The learning rate that torch uses at every step."""
    taken = []
    for _ in range(steps):
        taken.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return taken


def optimizer(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def ours(schedule: str, steps: int = STEPS, warmup: int = 0) -> list[float]:
    return [factor(schedule, index, steps, warmup) for index in range(steps)]


def one_cycle_of_torch(steps: int, rise: float) -> list[float]:
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer(1.0), max_lr=1.0, total_steps=steps, pct_start=rise, cycle_momentum=False
    )
    taken = rates(scheduler, steps - 1)  # torch refuses to step behind the last rate
    return [*taken, scheduler.optimizer.param_groups[0]["lr"]]


def test_one_cycle_is_torchs_with_its_peak_at_three_tenths_of_the_way() -> None:
    # Torch puts the peak at step `pct_start * steps - 1`; ours is at 0.3 of the way from the first step to the last.
    rise = (0.3 * (STEPS - 1) + 1) / STEPS
    assert ours("one_cycle") == pytest.approx(one_cycle_of_torch(STEPS, rise), abs=1e-12)


def test_one_cycle_is_within_a_step_of_torchs_default() -> None:
    steps = 1000
    steepest = (1 - 1 / 25) * math.pi / 2 / (0.3 * steps)
    differences = [abs(a - b) for a, b in zip(ours("one_cycle", steps), one_cycle_of_torch(steps, 0.3), strict=True)]
    assert max(differences) < steepest


def test_one_cycle_at_its_corners() -> None:
    taken = ours("one_cycle")
    assert taken[0] == pytest.approx(1 / 25)
    assert taken[30] == pytest.approx(1.0)
    assert taken[100] == pytest.approx(1 / 250_000)
    assert taken[15] == pytest.approx((1 + 1 / 25) / 2)  # half way up


def test_cosine_is_torchs() -> None:
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer(1.0), T_max=STEPS - 1)
    assert ours("cosine") == pytest.approx(rates(scheduler, STEPS), abs=1e-12)


def test_step_divides_by_ten_twice() -> None:
    taken = ours("step")
    assert taken[49] == 1.0
    assert taken[50] == taken[74] == pytest.approx(0.1)
    assert taken[75] == taken[100] == pytest.approx(0.01)


def test_exponential_is_a_constant_ratio_down_to_a_hundredth() -> None:
    taken = ours("exponential")
    assert (taken[0], taken[50], taken[100]) == pytest.approx((1.0, 0.1, 0.01))
    assert {round(after / before, 12) for before, after in pairwise(taken)} == {round(0.01 ** (1 / 100), 12)}


def test_constant_is_one() -> None:
    assert set(ours("constant")) == {1.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_is_linear_and_the_schedule_follows_whole(schedule: str) -> None:
    taken = ours(schedule, steps=STEPS + 4, warmup=4)
    assert taken[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert taken[4:] == pytest.approx(ours(schedule))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_trainings_of_a_single_step_have_a_rate(schedule: str) -> None:
    assert 0 < factor(schedule, 0, 1, 0) <= 1
    assert factor(schedule, 0, 1, 3) == pytest.approx(0.25)


def decaying(steps: int, batch: int, warmup: int = 0, losses: tuple[float, ...] = (), **fields: Any) -> list[float]:
    """The rate of every step, with ten steps an epoch."""
    recipe = TrainConfig(**{"steps": steps, "batch_size": batch, "lr": 1.0, **fields})
    length = Length(steps, 10, warmup)
    return [learning_rate(recipe, length, index, losses[: index // 10]) for index in range(steps)]


def test_a_staircase_by_epochs_is_torchs_step_rate() -> None:
    ours = decaying(100, 8, schedule="staircase", decay_factor=0.94, decay_epochs=2.0)
    theirs = rates(torch.optim.lr_scheduler.StepLR(optimizer(1.0), step_size=20, gamma=0.94), 100)
    assert ours == pytest.approx(theirs)
    assert ours[19] == 1.0
    assert ours[20] == pytest.approx(0.94)


def test_a_staircase_may_fall_within_an_epoch() -> None:
    ours = decaying(10, 8, schedule="staircase", decay_factor=0.5, decay_epochs=0.3)
    assert ours == pytest.approx([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125])


def test_a_staircase_does_not_fall_short_by_rounding() -> None:
    # 1.1 epochs of 390 steps are 429 steps, which floats make 429.00000000000006.
    recipe = TrainConfig(steps=900, lr=1.0, schedule="staircase", decay_factor=0.5, decay_epochs=1.1)
    taken = [learning_rate(recipe, Length(900, 390, 0), index, ()) for index in (428, 429, 857, 858)]
    assert taken == [1.0, 0.5, 0.5, 0.25]


def test_a_staircase_by_images_counts_what_was_shown() -> None:
    # Batches of 8: step 3 begins when 24 images have been shown, step 4 when 32 have.
    ours = decaying(9, 8, schedule="staircase", decay_factor=0.5, decay_images=30)
    assert ours == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25])


def test_milestones_are_torchs() -> None:
    ours = decaying(100, 8, schedule="milestones", decay_factor=0.2, milestones=[3, 6, 8])
    theirs = rates(torch.optim.lr_scheduler.MultiStepLR(optimizer(1.0), milestones=[30, 60, 80], gamma=0.2), 100)
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("fields", [{"schedule": "staircase", "decay_epochs": 2.0}, {"schedule": "plateau"}])
def test_decays_count_from_the_start_and_warm_up_lies_on_top(fields: dict[str, Any]) -> None:
    patience = {"patience_epochs": 1} if fields["schedule"] == "plateau" else {}
    losses = (3.0, 3.0, 3.0, 3.0)
    ours, warm = (decaying(40, 8, warmup, losses, decay_factor=0.5, **fields, **patience) for warmup in (0, 4))
    assert warm[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert warm[4:] == ours[4:]
    assert 0.5 in ours


@pytest.mark.parametrize("seed", range(5))
def test_a_plateau_is_torchs(seed: int) -> None:
    """Torch's scheduler on the same losses, told that any lower loss counts."""
    source = random.Random(seed)
    losses = [*(2.0 - epoch / 10 for epoch in range(10)), *(source.choice([0.9, 1.0, 1.1, 2.0]) for _ in range(50))]
    theirs, adapted = [], optimizer(1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(adapted, factor=0.1, patience=4, threshold=0.0, eps=0.0)
    for loss in losses:
        theirs.append(adapted.param_groups[0]["lr"])
        scheduler.step(loss)
    ours = decaying(600, 8, 0, tuple(losses), schedule="plateau", decay_factor=0.1, patience_epochs=4)
    assert ours[::10] == pytest.approx(theirs)
    assert len(set(ours)) > 3


def test_a_loss_that_is_no_number_is_no_improvement() -> None:
    ours = decaying(40, 8, 0, (1.0, math.nan, math.nan), schedule="plateau", decay_factor=0.1, patience_epochs=1)
    assert ours[::10] == pytest.approx([1, 1, 1, 0.1])


def test_smooth_schedules_are_factors_on_the_rate() -> None:
    recipe = TrainConfig(steps=STEPS, lr=0.3, schedule="cosine")
    taken = [learning_rate(recipe, Length(STEPS, 10, 0), index, ()) for index in range(STEPS)]
    assert taken == pytest.approx([0.3 * value for value in ours("cosine")])


def test_every_schedule_that_a_study_can_name_exists() -> None:
    assert set(SETTINGS) == {*SCHEDULES, *DECAYS} == set(get_args(TrainConfig.model_fields["schedule"].annotation))
