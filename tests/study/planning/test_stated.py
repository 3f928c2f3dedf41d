"""What a study set out to ask, and what became of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablate.records import digest, record_path, save_record, write_json
from ablate.study.planning.stated import changes, finished_trials, with_statement
from ablate.study.running.events import StatementChanged

STUDY: dict[str, Any] = {"question": "Why?", "claims": [], "margin": {}, "primary": "accuracy", "seeds": 5}


def trials(count: int) -> Callable[[], dict[str, int]]:
    """What says how many have finished."""
    return lambda: {"trials_finished": count}


def test_an_entry_holds_what_is_asked_its_digest_and_how_many_trials_had_finished() -> None:
    (entry,) = with_statement([], STUDY, trials(0))
    asked = {"question": "Why?", "claims": [], "margin": {}, "primary": "accuracy"}
    assert entry == {"digest": digest(asked), **asked, "trials_finished": 0}


def test_the_same_again_adds_nothing() -> None:
    first = with_statement([], STUDY, trials(0))
    assert with_statement(first, {**STUDY, "seeds": 7}, trials(3)) == first
    assert changes(first, first) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("question", "How?"), ("claims", [{"id": "a"}]), ("margin", {"accuracy": 0.01}), ("primary", "test_loss")],
)
def test_a_change_is_added_behind_what_was_stated(name: str, value: Any) -> None:
    first = with_statement([], STUDY, trials(0))
    both = with_statement(first, {**STUDY, name: value}, trials(4))
    assert both[0] == first[0]
    assert (both[1][name], both[1]["trials_finished"]) == (value, 4)
    assert changes(first, both) == (name,)
    # And back: what was stated in between stays.
    assert [each["trials_finished"] for each in with_statement(both, STUDY, trials(5))] == [0, 4, 5]


def test_the_first_statement_is_no_change() -> None:
    assert changes([], with_statement([], STUDY, trials(4))) == ()


class TestFinished:
    def test_trials_of_tuning_and_search_count_apart(self, tmp_path: Path, make_record: Any) -> None:
        kinds = {"a": {}, "b": {"scored": "validation"}, "c": {"scored": "validation", "state": "pruned"}, "d": {}}
        for name, changed in kinds.items():
            save_record(tmp_path, make_record(name * 64, 0, 0.5, **changed))
        record_path(tmp_path, "e" * 64).write_text("{")
        # One that is planned no more is neither, as is a damaged one.
        planned = {"a" * 64, "f" * 64}
        assert finished_trials(tmp_path, planned) == {"trials_finished": 1, "rehearsals_finished": 2}

    def test_without_them_nothing_is_said_of_them(self, tmp_path: Path, make_record: Any) -> None:
        assert finished_trials(tmp_path, set()) == {"trials_finished": 0}
        save_record(tmp_path, make_record("a" * 64, 0, 0.5))
        assert finished_trials(tmp_path, {"a" * 64}) == {"trials_finished": 1}

    def test_they_are_asked_for_where_something_new_is_stated(self) -> None:
        first = with_statement([], STUDY, trials(0))
        assert with_statement(first, STUDY, lambda: pytest.fail("all records are read")) == first


class TestOfARun:
    def stated(self, engine: Any) -> list[Any]:
        return [(entry["question"], entry["trials_finished"]) for entry in engine.plan()["stated"]]

    def told(self, engine: Any) -> list[Any]:
        return [event for event in engine.events if isinstance(event, StatementChanged)]

    def test_it_is_written_before_the_first_trial(self, engine: Any) -> None:
        engine.run(max_hours=0.0)
        assert self.stated(engine) == [("Does it run?", 0)]
        engine.run()
        assert self.stated(engine) == [("Does it run?", 0)]
        assert self.told(engine) == []

    def test_a_change_is_kept_and_told_even_where_nothing_runs(self, engine: Any) -> None:
        engine.run(only=("maxpool",))
        assert engine.run("question=Does it walk?", max_hours=0.0).missing == 2
        assert self.stated(engine) == [("Does it run?", 0), ("Does it walk?", 2)]
        assert self.told(engine) == [StatementChanged(("question",), 2, 4)]
        assert engine.run("question=Does it walk?").work == "some"
        assert engine.run("question=Does it walk?").work == "none"
        assert len(self.told(engine)) == 1
        assert engine.run("question=Does it walk?", "margin={accuracy: 0.01}").work == "none"
        assert self.told(engine)[1:] == [StatementChanged(("margin",), 4, 4)]

    def test_what_a_search_has_seen_makes_it_late(self, engine: Any, make_record: Any) -> None:
        engine.run(max_hours=0.0)
        save_record(engine.results, make_record("a" * 64, 10_000, 0.5, scored="validation"))
        engine.run("question=Does it walk?", max_hours=0.0)
        assert engine.plan()["stated"][-1]["rehearsals_finished"] == 1
        assert self.stated(engine) == [("Does it run?", 0), ("Does it walk?", 0)]
        assert self.told(engine) == [StatementChanged(("question",), 1, 5)]

    def test_a_claim_is_stated_by_the_names_of_its_levels(self, engine: Any) -> None:
        sides = "better: {model.downsample: maxpool}, than: {model.downsample: strided}"
        engine.run(f"claims=[{{id: a, source: b, statement: c, {sides}}}]", max_hours=0.0)
        (entry,) = engine.plan()["stated"]
        assert entry["claims"] == engine.plan()["study"]["claims"]
        assert entry["claims"][0]["better"] == {"model.downsample": "maxpool"}

    def test_a_plan_of_an_older_version_was_not_stated_beforehand(self, engine: Any) -> None:
        engine.run()
        older = {name: value for name, value in engine.plan().items() if name != "stated"}
        write_json(engine.results / "plan.json", older)
        assert engine.run().work == "none"
        assert self.stated(engine) == [("Does it run?", 4)]
        assert self.told(engine) == []
