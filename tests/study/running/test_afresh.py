"""What of a search is tried afresh. With runs that go on: test_searching.py and test_tuning.py."""

from pathlib import Path
from typing import Any

import pytest

from ablate.records import failure_path, record_path, save_record, write_json
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study
from ablate.study.running.afresh import forget_failures

FAILED, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def plan(toy_study: Path, tmp_path: Path) -> Plan:
    study = load_study(toy_study, ("design=search", "search={trials: 8}"))
    attempts = [{"cause": "RuntimeError: no luck", "log": "logs/a.log"}]
    write_json(
        failure_path(tmp_path, FAILED), {"key": FAILED, "variant": "search", "seed": 10_000, "attempts": attempts}
    )
    return plan_study(study, tmp_path / "nowhere", "cpu")


def test_what_failed_is_forgotten_while_nothing_has_come_to_an_end(plan: Plan, tmp_path: Path) -> None:
    forget_failures(plan, tmp_path, ())
    assert not failure_path(tmp_path, FAILED).exists()


def test_a_damaged_record_is_no_end_and_no_obstacle(plan: Plan, tmp_path: Path) -> None:
    record_path(tmp_path, OTHER).parent.mkdir()
    record_path(tmp_path, OTHER).write_text("{")
    forget_failures(plan, tmp_path, ())
    assert not failure_path(tmp_path, FAILED).exists()


@pytest.mark.parametrize(("scored", "is_kept"), [("validation", True), ("test", False)])
def test_what_failed_stands_once_another_trial_of_the_search_has_ended(
    plan: Plan, tmp_path: Path, make_record: Any, scored: str, is_kept: bool
) -> None:
    save_record(tmp_path, make_record(OTHER, 10_001, 0.5, scored=scored))
    forget_failures(plan, tmp_path, ())
    assert failure_path(tmp_path, FAILED).exists() == is_kept
