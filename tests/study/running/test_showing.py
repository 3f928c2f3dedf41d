"""The study that lies in the ledger for Optuna's own tools."""

from contextlib import ExitStack
from typing import Any

import optuna
import pytest
from optuna.study import StudyDirection

from ablate import report
from ablate.study.running.events import FindingsNotShown


def shown(folder: Any, what: str = "variants") -> optuna.Study:
    return optuna.load_study(study_name=f"toy: {what}", storage=f"sqlite:///{folder / 'ledger.db'}")


def test_every_variant_is_a_trial_with_its_levels_and_its_means(engine: Any) -> None:
    outcome = engine.run()
    study = shown(engine.results)
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert study.metric_names == ["accuracy", "macs"]
    assert [trial.params for trial in study.trials] == [{"downsample": "strided"}, {"downsample": "maxpool"}]
    means = outcome.tables.variants["accuracy_mean"].tolist()
    assert [trial.values[0] for trial in study.trials] == pytest.approx(means)
    assert [trial.values[1] for trial in study.trials] == outcome.tables.variants["macs"].tolist()
    assert [trial.user_attrs["n"] for trial in study.trials] == [2, 2]


def test_more_results_replace_it_and_nothing_to_do_leaves_it(engine: Any) -> None:
    engine.run()
    engine.run("seeds=3", "factors.model.downsample=[strided, maxpool, spd]")
    before = shown(engine.results)
    assert [trial.user_attrs["n"] for trial in before.trials] == [3, 3, 3]
    engine.run("seeds=3", "factors.model.downsample=[strided, maxpool, spd]")
    assert shown(engine.results)._study_id == before._study_id


def test_a_run_that_finished_nothing_shows_nothing(engine: Any) -> None:
    engine.run(max_hours=0.0)
    with pytest.raises(KeyError):
        shown(engine.results)


def test_a_ledger_that_is_locked_in_the_end_fails_no_run(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.ledger.storage.WAIT_FOR_LOCK_SECONDS", 0.0)
    monkeypatch.setattr("ablate.ledger.storage.FIRST_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("ablate.ledger.storage.RETRY_SECONDS", 0.0)
    write_derived = report.write_derived

    def another_program_comes(*written: Any) -> None:
        write_derived(*written)
        lock.enter_context(engine.ledger_locked())

    monkeypatch.setattr(report, "write_derived", another_program_comes)
    with ExitStack() as lock:
        outcome = engine.run()
    assert (outcome.missing, outcome.failed) == (0, 0)
    assert "ledger.db: does not answer (database is locked)" in engine.events[-1].cause
    assert engine.events[-1] == FindingsNotShown(engine.events[-1].cause)
    with pytest.raises(KeyError):
        shown(engine.results)


def test_a_ledger_that_is_damaged_in_the_end_fails_no_run(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_derived = report.write_derived

    def the_disk_fails(*written: Any) -> None:
        write_derived(*written)
        (engine.results / "ledger.db").write_bytes(b"no database" * 1000)

    monkeypatch.setattr(report, "write_derived", the_disk_fails)
    assert engine.run().missing == 0
    assert "ledger.db: cannot be used (file is not a database)" in engine.events[-1].cause


def test_levels_that_are_numbers_are_shown_as_numbers(engine: Any) -> None:
    engine.run("factors={model.width: [0.125, 0.25]}", "baseline={model.width: 0.125}")
    assert [trial.params for trial in shown(engine.results).trials] == [{"width": 0.125}, {"width": 0.25}]
