"""Which trials are trained, and in which order."""

from pathlib import Path

import pytest

from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running.training import jobs_of

S, M = "strided", "maxpool"  # the larger network, and the smaller


@pytest.mark.parametrize(
    ("abreast", "expected"),
    [
        (1, [(S, 0), (M, 0), (S, 1), (M, 1), (S, 2), (M, 2)]),
        (2, [(S, 0), (S, 1), (M, 0), (M, 1), (S, 2), (M, 2)]),
        (8, [(S, 0), (S, 1), (S, 2), (M, 0), (M, 1), (M, 2)]),
    ],
)
def test_seeds_go_abreast_and_large_networks_before_small(
    abreast: int, expected: list[tuple[str, int]], toy_study: Path, tmp_path: Path
) -> None:
    plan = plan_study(load_study(toy_study, ("seeds=3",)), tmp_path / "toy", "cpu")
    assert [(job.variant, job.seed) for job in jobs_of(plan, tmp_path / "toy", (), abreast)] == expected
