"""Learning rate schedules against torch's own and against values worked out by hand."""

import math
from itertools import pairwise
from typing import get_args

import pytest
import torch

from ablate.schema import TrainConfig
from ablate.train.schedules import SCHEDULES, factor

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


def test_every_schedule_that_a_study_can_name_exists() -> None:
    assert set(SCHEDULES) == set(get_args(TrainConfig.model_fields["schedule"].annotation))
