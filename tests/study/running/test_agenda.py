"""What is left to train, by what this run does and what the ledger shows of others."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ablate.errors import ResultsError
from ablate.ledger import View
from ablate.records import (
    checkpoint_path,
    failure_path,
    load_record,
    read_json,
    record_as_json,
    save_record,
    write_json,
)
from ablate.study.running.agenda import Agenda, Job
from ablate.study.running.events import TrialArrived, TrialFailed, TrialLeft, TrialTaken


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


A, B, C = key_of("a"), key_of("b"), key_of("c")
IDLE = View({}, {}, {})


def busy(**hosts: str) -> View:
    return View({key_of(name): host for name, host in hosts.items()}, {}, {})


class Desk:
    """An agenda of three jobs, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Any] = []
        jobs = [Job(key, name, 0, 1, {"scored": "test"}) for key, name in ((A, "a"), (B, "b"), (C, "c"))]
        self.agenda = Agenda(jobs, folder, retries=1, observer=self.events.append)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_jobs_are_chosen_in_order_but_those_that_run(desk: Desk) -> None:
    assert desk.agenda.next_of(IDLE) == A
    assert desk.agenda.next_of(busy(a="here", b="there")) == C
    assert desk.agenda.next_of(busy(a="here", b="there", c="there")) is None
    assert not desk.agenda.is_empty()


def test_what_others_work_on_is_told_once(desk: Desk) -> None:
    desk.agenda.begin(A)
    for _ in range(2):
        desk.agenda.take_in(busy(a="here", b="there"))
    assert desk.events == [TrialTaken("b", 0, "there")]


def test_what_others_let_go_of_is_told_and_chosen(desk: Desk) -> None:
    desk.agenda.take_in(busy(b="there"))
    desk.agenda.take_in(IDLE)
    assert desk.events[1:] == [TrialLeft("b", 0)]
    assert desk.agenda.next_of(busy(a="here")) == B


def test_a_record_of_another_run_in_this_folder_closes_its_job(desk: Desk, make_record: Any) -> None:
    desk.agenda.take_in(busy(a="there"))
    save_record(desk.folder, make_record(A, 0, 0.5))
    desk.agenda.take_in(IDLE)
    assert desk.events[1:] == [TrialArrived("a", 0, "complete", 0.5)]
    assert desk.agenda.next_of(IDLE) == B


def test_a_record_that_nobody_was_seen_to_make_is_found_before_its_job_is_chosen(desk: Desk, make_record: Any) -> None:
    save_record(desk.folder, make_record(A, 0, 0.5))
    assert desk.agenda.next_of(IDLE) == B
    assert desk.events == [TrialArrived("a", 0, "complete", 0.5)]


def test_a_failure_that_the_ledger_does_not_know_of_counts_for_nothing(desk: Desk) -> None:
    """It took this run for dead, and ended the attempt itself."""
    desk.agenda.begin(A)
    desk.agenda.fail(A, ())
    assert desk.events == []
    assert desk.agenda.next_of(IDLE) == A


@pytest.mark.parametrize(("scored", "is_next"), [("validation", False), ("test", True)])
def test_what_another_run_of_this_folder_gave_up_is_an_outcome_where_the_next_is_chosen_in_view_of_it(
    tmp_path: Path, scored: str, is_next: bool
) -> None:
    job = Job(A, "a", 10_000, 1, {"scored": scored})
    following = Job(B, "a", 10_001, 1, {"scored": scored})
    agenda = Agenda([job], tmp_path, 1, lambda event: None, lambda job: [following] if job.key == A else [])
    write_json(failure_path(tmp_path, A), {"key": A, "variant": "a", "seed": 10_000, "attempts": []})
    assert agenda.next_of(IDLE) == (A if is_next else None)
    assert agenda.next_of(IDLE) == (A if is_next else B)


def test_a_record_that_the_ledger_carries_is_kept(desk: Desk, make_record: Any) -> None:
    record = make_record(B, 0, 0.25, attempts=2, environment="other")
    desk.agenda.take_in(View({}, {}, {B: record_as_json(record).decode()}))
    assert load_record(desk.folder, B) == record
    assert desk.events == [TrialArrived("b", 0, "complete", 0.25)]


def test_the_record_that_was_told_first_replaces_ours(desk: Desk, make_record: Any) -> None:
    desk.agenda.begin(A)
    save_record(desk.folder, make_record(A, 0, 0.25))
    desk.agenda.keep(A, record_as_json(make_record(A, 0, 0.5)).decode())
    desk.agenda.finish(A)
    assert load_record(desk.folder, A) == make_record(A, 0, 0.5)
    assert desk.events == []


def test_a_record_of_this_run_does_not_arrive_from_another(desk: Desk, make_record: Any) -> None:
    """A record is written, then told the ledger, then noted; other threads of this run may look in between."""
    desk.agenda.take_in(busy(a="there"))
    desk.agenda.begin(A)
    save_record(desk.folder, make_record(A, 0, 0.5))
    assert desk.agenda.next_of(IDLE) == B
    desk.agenda.finish(A)
    assert desk.events == [TrialTaken("a", 0, "there")]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_what_the_ledger_carries_must_be_a_record(desk: Desk, text: str) -> None:
    with pytest.raises(ResultsError, match=f"the ledger's record of {A}"):
        desk.agenda.take_in(View({}, {}, {A: text}))
    assert not (desk.folder / "records").exists()


def test_a_record_of_a_key_that_is_not_planned_is_ignored(desk: Desk) -> None:
    desk.agenda.take_in(View({}, {}, {"../../escape": "{}"}))
    assert list(desk.folder.iterdir()) == []


class TestFailures:
    def test_after_too_many_attempts_a_job_ends_as_a_file(self, desk: Desk) -> None:
        desk.agenda.begin(A)
        desk.agenda.fail(A, ("one",))
        assert desk.agenda.next_of(IDLE) == A
        desk.agenda.begin(A)
        desk.agenda.fail(A, ("one", "two"))
        assert desk.agenda.next_of(IDLE) == B
        log = f"logs/{A}.log"
        attempts = [{"cause": "one", "log": log}, {"cause": "two", "log": log}]
        failure = {"key": A, "variant": "a", "seed": 0, "attempts": attempts}
        assert read_json(failure_path(desk.folder, A)) == failure
        assert [(event.cause, event.outlook) for event in desk.events] == [
            ("one", "will be tried again"),
            ("two", "given up"),
        ]

    def test_what_others_gave_up_is_given_up_here(self, desk: Desk) -> None:
        desk.agenda.take_in(View({}, {A: ("one", "two"), B: ("one",)}, {}))
        assert [(event.variant, event.outlook) for event in desk.events] == [("a", "given up")]
        assert isinstance(desk.events[0], TrialFailed)
        assert failure_path(desk.folder, A).exists()
        assert desk.agenda.next_of(IDLE) == B

    def test_a_failure_that_the_ledger_knows_before_the_agenda_is_noted_once(self, desk: Desk) -> None:
        """Another thread of this run may look in between."""
        desk.agenda.begin(A)
        between = View({}, {A: ("one", "two")}, {})
        desk.agenda.take_in(between)
        assert desk.agenda.next_of(between) == B
        desk.agenda.fail(A, ("one", "two"))
        assert [(event.variant, event.outlook) for event in desk.events] == [("a", "given up")]

    def test_an_attempt_may_fail_after_another_run_has_ended_its_job(self, desk: Desk) -> None:
        desk.agenda.begin(A)
        desk.agenda.finish(A)
        desk.agenda.fail(A, ("one", "two"))
        assert desk.events == []
        assert not failure_path(desk.folder, A).exists()

    def test_a_job_that_runs_here_is_not_given_up_under_it(self, desk: Desk) -> None:
        desk.agenda.begin(A)
        desk.agenda.take_in(View({A: "here"}, {A: ("one", "two")}, {}))
        assert desk.events == []


def test_when_a_job_has_ended_its_checkpoint_and_its_earlier_failure_are_gone(desk: Desk) -> None:
    for path in (checkpoint_path(desk.folder, A), failure_path(desk.folder, A)):
        path.parent.mkdir()
        path.write_text("{}")
    desk.agenda.begin(A)
    desk.agenda.finish(A)
    assert [path for path in desk.folder.rglob("*") if path.is_file()] == []


def test_it_is_empty_when_all_have_ended(desk: Desk) -> None:
    for key in (A, B, C):
        desk.agenda.begin(key)
        desk.agenda.finish(key)
    assert desk.agenda.is_empty()
    assert desk.agenda.next_of(IDLE) is None


def test_what_follows_on_a_job_is_taken_in_with_it(tmp_path: Path, make_record: Any) -> None:
    """A host that comes late to a tuning has all of its trials at once, and repeats none."""
    jobs = {key: Job(key, name, 0, 1, {"scored": "test"}) for key, name in ((A, "a"), (B, "b"), (C, "c"))}
    following = {A: (jobs[B],), B: (jobs[C],), C: ()}
    agenda = Agenda([jobs[A]], tmp_path, 1, lambda event: None, lambda job: following[job.key])
    texts = {key: record_as_json(make_record(key, 0, 0.5)).decode() for key in (A, B)}
    assert agenda.next_of(View({}, {}, texts)) == C
    assert {path.stem for path in (tmp_path / "records").iterdir()} == {A, B}
