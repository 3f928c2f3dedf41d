"""What a study set out to ask, and what became of it."""

from typing import Any

import pytest

from ablate.records import digest, write_json
from ablate.study.planning.stated import changes, with_statement
from ablate.study.running.events import StatementChanged

STUDY: dict[str, Any] = {"question": "Why?", "claims": [], "margin": {}, "primary": "accuracy", "seeds": 5}


def test_an_entry_holds_what_is_asked_its_digest_and_how_many_trials_had_finished() -> None:
    (entry,) = with_statement([], STUDY, 0)
    asked = {"question": "Why?", "claims": [], "margin": {}, "primary": "accuracy"}
    assert entry == {"digest": digest(asked), **asked, "trials_finished": 0}


def test_the_same_again_adds_nothing() -> None:
    first = with_statement([], STUDY, 0)
    assert with_statement(first, {**STUDY, "seeds": 7}, 3) == first
    assert changes(first, first) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("question", "How?"), ("claims", [{"id": "a"}]), ("margin", {"accuracy": 0.01}), ("primary", "test_loss")],
)
def test_a_change_is_added_behind_what_was_stated(name: str, value: Any) -> None:
    first = with_statement([], STUDY, 0)
    both = with_statement(first, {**STUDY, name: value}, 4)
    assert both[0] == first[0]
    assert (both[1][name], both[1]["trials_finished"]) == (value, 4)
    assert changes(first, both) == (name,)
    # And back: what was stated in between stays.
    assert [each["trials_finished"] for each in with_statement(both, STUDY, 5)] == [0, 4, 5]


def test_the_first_statement_is_no_change() -> None:
    assert changes([], with_statement([], STUDY, 4)) == ()


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
