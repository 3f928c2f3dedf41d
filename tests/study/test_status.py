"""What `ablate status` says."""

from pathlib import Path
from typing import Any

import pytest

from ablate.errors import ResultsError
from ablate.ledger import Ledger, file_place
from ablate.records import failure_path, record_path, write_json
from ablate.study.running.shelf import RecordShelf
from ablate.study.status import LOG_LINES, status_of


def test_a_finished_study(engine: Any) -> None:
    engine.script(diverges=[1])
    engine.run()
    status = status_of(engine.results)
    assert (status.study, status.planned, status.complete, status.diverged, status.missing) == ("toy", 4, 2, 2, 0)
    assert (status.running, status.failures) == ((), ())


def test_failures_have_every_cause_and_the_end_of_the_log(engine: Any) -> None:
    engine.script(fails={"1": 9})
    engine.run("retries=2", only=("maxpool",))
    status = status_of(engine.results)
    assert (status.planned, status.complete, status.missing) == (4, 1, 2)
    (failure,) = status.failures
    assert failure.what == "maxpool seed 1"
    assert failure.causes == ("RuntimeError: no luck with seed 1",) * 3
    assert failure.log == engine.results / "logs" / f"{engine.keys()['maxpool', 1]}.log"
    assert failure.log_tail.endswith("RuntimeError: no luck with seed 1")


def test_a_long_log_is_cut_and_a_lost_one_is_empty(engine: Any) -> None:
    engine.script(fails={"1": 9})
    engine.run(only=("maxpool",))
    log = engine.results / "logs" / f"{engine.keys()['maxpool', 1]}.log"
    log.write_bytes(b"\xff\n" + b"".join(b"line %d\n" % number for number in range(100)))
    (failure,) = status_of(engine.results).failures
    assert failure.log_tail.splitlines() == [f"line {number}" for number in range(100 - LOG_LINES, 100)]
    log.unlink()
    assert status_of(engine.results).failures[0].log_tail == ""


def test_a_cost_phase_that_failed_is_a_failure(engine: Any) -> None:
    engine.script(fails={"costs": 1})
    engine.run("measure=[accuracy, latency]", max_hours=0.0)
    (failure,) = status_of(engine.results).failures
    assert (failure.what, failure.causes) == ("costs", ("RuntimeError: no clock",))


def test_what_runs_now_is_named_and_only_while_it_runs(engine: Any) -> None:
    engine.run(max_hours=0.0)
    key = engine.keys()["maxpool", 1]
    with Ledger(file_place(engine.results), "toy", RecordShelf(engine.results)) as ledger:
        ledger.claim(lambda view: key)
        assert status_of(engine.results).running == ("maxpool seed 1",)
    assert status_of(engine.results).running == ()


def test_variants_that_are_one_network_are_one_trial(engine: Any) -> None:
    factor = "factors={f: {a: {model.width: 0.125}, b: {model.dropout: 0.0}}}"
    engine.script(fails={"1": 9})
    engine.run(factor, "baseline={f: a}")
    status = status_of(engine.results)
    assert [failure.what for failure in status.failures] == ["a seed 1 = b seed 1"]
    assert status.planned == status.complete + status.missing + len(status.failures)


def test_what_is_no_results_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such results folder"):
        status_of(tmp_path / "nowhere")


def test_a_record_that_cannot_be_used_is_a_failure_that_says_why(engine: Any) -> None:
    engine.run()
    key = engine.keys()["maxpool", 1]
    record_path(engine.results, key).write_text("{")
    status = status_of(engine.results)
    assert (status.planned, status.complete, status.missing) == (4, 3, 0)
    (failure,) = status.failures
    assert failure.what == "maxpool seed 1"
    (cause,) = failure.causes
    assert cause.startswith(f"records/{key}.json: is no JSON that can be read (Expecting property name")
    assert cause.endswith("; `ablate run` sets it aside and runs the trial again")


def test_a_failure_that_was_mended_since_is_none(engine: Any) -> None:
    engine.run()
    key = engine.keys()["maxpool", 1]
    write_json(failure_path(engine.results, key), {"attempts": [{"cause": "boom"}]})
    assert status_of(engine.results).failures == ()
    record_path(engine.results, key).unlink()
    assert [failure.causes for failure in status_of(engine.results).failures] == [("boom",)]


def test_a_record_that_was_deleted_is_missing(engine: Any) -> None:
    engine.run()
    record_path(engine.results, engine.keys()["maxpool", 1]).unlink()
    assert status_of(engine.results).missing == 1
