"""What is said of a run: a line an event, a text for every cell."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from ablate.display import words
from ablate.display.progress import Progress, take
from ablate.study.running.events import (
    CostsFailed,
    CostsRound,
    CostsWait,
    EpochDone,
    Event,
    FindingsNotShown,
    GpuShared,
    LedgerRebuilt,
    LedgerWait,
    Outlook,
    RecordSetAside,
    SeedsSettled,
    StatementChanged,
    StepDone,
    StudyStarted,
    TrialArrived,
    TrialFailed,
    TrialFinished,
    TrialLeft,
    TrialStarted,
    TrialTaken,
)

LOG = Path("results/toy/logs/k.log")
NONE: frozenset[tuple[str, int]] = frozenset()
STARTED = StudyStarted("toy", Path("results/toy"), ("a", "b"), (0, 1), NONE, "cpu", 1, 3)


def told(*events: Event, started: StudyStarted = STARTED) -> Progress:
    progress = Progress(started)
    for event in events:
        take(progress, event)
    return progress


class TestLines:
    def test_a_study_says_what_it_will_train_and_how(self) -> None:
        started = replace(STARTED, done=frozenset({("b", 1)}), workers=2)
        assert words.line(started, Progress(started)) == (
            "toy: 2 variants x 2 seeds = 4 trials, 1 done; on cpu, 2 workers of 3 threads, into results/toy"
        )

    def test_a_study_without_seeds_trains_nothing(self) -> None:
        started = replace(STARTED, variants=(), seeds=())
        said = "toy: nothing to train; on cpu, 1 worker of 3 threads, into results/toy"
        assert words.line(started, Progress(started)) == said

    def test_one_of_a_kind_is_no_plural(self) -> None:
        started = replace(STARTED, variants=("a",), seeds=(0,), threads=1)
        said = "toy: 1 variant x 1 seed = 1 trial, 0 done; on cpu, 1 worker of 1 thread, into results/toy"
        assert words.line(started, None) == said

    def test_every_block_says_how_many_seeds_there_are_and_may_be(self) -> None:
        first = replace(STARTED, at_most=4)
        second = replace(first, seeds=(0, 1, 2, 3), done=frozenset({("a", 0), ("a", 1), ("b", 0), ("b", 1)}))
        assert words.line(first, None).startswith("toy: 2 variants x 2 seeds (at most 4) = 4 trials, 0 done; ")
        assert words.line(second, None).startswith("toy: 2 variants x 4 seeds (at most 4) = 8 trials, 4 done; ")

    def test_shared_trials_count_once(self) -> None:
        shared = replace(STARTED, shared=frozenset({("a", 1)}))
        assert words.line(shared, None).startswith("toy: 2 variants x 2 seeds = 3 trials, 0 done; ")

    def test_how_a_gpu_is_shared(self) -> None:
        assert words.line(GpuShared("cuda:0", 2, 5120.4), None) == "cuda:0: 2 at a time train 5,120 images/s together"

    def test_failures_name_their_cause_and_their_log(self) -> None:
        assert words.line(CostsFailed("no clock", LOG), None) == f"costs could not be measured: no clock ({LOG})"
        for outlook in ("will be tried again", "given up"):
            failed = TrialFailed("a", 0, "boom", LOG, outlook)
            assert words.line(failed, told(failed)) == f"a seed 0 failed, {outlook}: boom ({LOG})"

    def test_a_diverged_trial_has_no_numbers(self) -> None:
        epoch = words.line(EpochDone("a", 0, 1, None, None), None)
        assert epoch == "a seed 0: epoch 1, training loss not finite, accuracy not finite"
        end = TrialFinished("a", 0, "diverged", None, 3600.0)
        assert words.line(end, told(end)) == "a seed 0: diverged in 1 h 00 min [1/4, about 3 h 00 min left]"

    @pytest.mark.parametrize(
        ("state", "accuracy", "outcome"), [("complete", 0.8123, "test accuracy 0.8123"), ("diverged", None, "diverged")]
    )
    def test_what_another_run_has_done_counts_as_much(self, state: str, accuracy: float | None, outcome: str) -> None:
        arrived = TrialArrived("b", 1, state, accuracy)
        progress = told(TrialFinished("a", 0, "complete", 0.75, 30.0), arrived)
        assert words.line(arrived, progress) == f"b seed 1: {outcome}, by another run [2/4, about 1 min 00 s left]"

    def test_before_a_trial_ends_here_the_time_left_is_not_known(self) -> None:
        arrived = TrialArrived("b", 1, "complete", 0.5)
        said = "b seed 1: test accuracy 0.5000, by another run [1/4, time left not known yet]"
        assert words.line(arrived, told(arrived)) == said

    @pytest.mark.parametrize(
        "event", [TrialStarted("a", 0, 2), StepDone("a", 0, 1, 9), TrialTaken("a", 0, "there"), TrialLeft("a", 0)]
    )
    def test_what_would_only_fill_a_log_is_not_said(self, event: Event) -> None:
        assert words.line(event, told(event)) == ""

    @pytest.mark.parametrize(
        ("event", "said"),
        [
            (
                RecordSetAside("a", 0, "records/k.json: is empty", Path("toy/damaged/k.json")),
                "a seed 0: its record cannot be used, so it will run again: records/k.json: is empty "
                "(set aside as toy/damaged/k.json)",
            ),
            (LedgerWait("is locked"), "the ledger does not answer and is asked again until it does: is locked"),
            (
                LedgerRebuilt("is no database", Path("toy/ledger.damaged.db")),
                "the ledger cannot be used, so a new one is made from the records: is no database "
                "(set aside as toy/ledger.damaged.db)",
            ),
            (
                FindingsNotShown("ledger.db: does not answer"),
                "all is written, but Optuna's tools will not find it in the ledger: ledger.db: does not answer",
            ),
        ],
    )
    def test_what_is_damaged_is_named_with_where_it_is_now(self, event: Event, said: str) -> None:
        assert words.line(event, None) == words.line(event, told(event)) == said

    def test_a_cause_of_several_lines_is_said_in_one(self) -> None:
        cause = "connection to 10.0.0.1 failed\n\tIs the server running?\n"
        assert words.line(LedgerWait(cause), None).endswith(": connection to 10.0.0.1 failed Is the server running?")

    @pytest.mark.parametrize(
        ("outlook", "half_width", "expected"),
        [
            (
                "enough",
                0.0041,
                "5 seeds are enough: every 95 % interval is within ±0.50 percentage points (the widest is ±0.41)",
            ),
            (
                "at most",
                0.0123,
                "5 seeds are as many as may be: the widest 95 % interval is ±1.23, not ±0.50 percentage points",
            ),
            (
                "at most",
                math.nan,
                "5 seeds are as many as may be: the widest 95 % interval is missing, not ±0.50 percentage points",
            ),
            ("unfinished", 0.0123, "no seeds beyond 10 begin while one of their trials has no result"),
        ],
    )
    def test_in_the_end_it_says_why_there_are_no_more_seeds(
        self, outlook: Outlook, half_width: float, expected: str
    ) -> None:
        assert words.line(SeedsSettled("accuracy", 10, 20, 0.005, outlook, 5, half_width), None) == expected

    def test_a_changed_statement_is_said(self) -> None:
        assert words.line(StatementChanged(("question", "claims"), 3, 15), None) == (
            "question and claims changed after 3 of 15 trials had finished; plan.json keeps what was stated before, "
            "and the report shows both"
        )


class TestHeadline:
    def test_it_says_how_far_the_run_is(self) -> None:
        progress = told(TrialStarted("a", 0, 2), TrialFinished("a", 0, "complete", 0.5, 10.0))
        assert words.headline(progress, 65.0) == "toy  1/4 trials  1 min 05 s spent  about 30 s left"

    def test_it_says_how_many_seeds_there_may_be(self) -> None:
        progress = Progress(replace(STARTED, at_most=4))
        said = "toy  0/4 trials of 2 seeds (at most 4)  0 s spent  time left not known yet"
        assert words.headline(progress, 0.0) == said

    @pytest.mark.parametrize(
        ("event", "said"),
        [
            (CostsWait("cpu"), "  measuring: waiting until nothing else runs on cpu"),
            (CostsRound(2, 3.0), "  costs: round 2 done, about 3 s left"),
            (CostsRound(3, 0.0), ""),
        ],
    )
    def test_it_says_where_the_cost_phase_is(self, event: Event, said: str) -> None:
        assert words.headline(told(event), 0.0) == f"toy  0/4 trials  0 s spent  time left not known yet{said}"


class TestCells:
    @pytest.mark.parametrize(
        ("events", "said"),
        [
            ([], "·"),
            ([TrialStarted("a", 0, 2)], "…"),
            ([TrialStarted("a", 0, 2), EpochDone("a", 0, 1, 2.0, 0.5)], "1/2"),
            ([TrialStarted("a", 0, 6), StepDone("a", 0, 640, 1200)], "3/6"),
            ([TrialStarted("a", 0, 2), TrialFinished("a", 0, "complete", 0.5, 1.0)], "0.5000"),
            ([TrialStarted("a", 0, 2), TrialFinished("a", 0, "diverged", None, 1.0)], "diverged"),
            ([TrialFailed("a", 0, "boom", LOG, "will be tried again")], "again"),
            ([TrialFailed("a", 0, "boom", LOG, "given up")], "failed"),
            ([TrialTaken("a", 0, "box")], "@box"),
            ([TrialTaken("a", 0, "gpu-node-17.cluster.example.org")], "@gp…17"),
            ([TrialTaken("a", 0, "10.0.12.34")], "@10…34"),
            ([TrialTaken("a", 0, "box"), TrialArrived("a", 0, "complete", 0.8123)], "0.8123"),
            ([TrialArrived("a", 0, "diverged", None)], "diverged"),
        ],
    )
    def test_a_cell_says_where_its_trial_stands(self, events: list[Event], said: str) -> None:
        assert words.cell(told(*events), ("a", 0)) == said

    def test_what_an_earlier_run_did_is_done(self) -> None:
        assert words.cell(Progress(replace(STARTED, done=frozenset({("b", 1)}))), ("b", 1)) == "done"

    def test_a_further_block_keeps_the_numbers_that_were_known(self) -> None:
        progress = told(TrialStarted("a", 0, 2), TrialFinished("a", 0, "complete", 0.5, 10.0))
        progress.go_on(replace(STARTED, done=frozenset({("a", 0), ("b", 1)})))
        assert (words.cell(progress, ("a", 0)), words.cell(progress, ("b", 1))) == ("0.5000", "done")

    def test_shared_trials_say_so(self) -> None:
        """The second seed of a is trained as the first of b."""
        progress = Progress(replace(STARTED, shared=frozenset({("a", 1)})))
        assert words.cell(progress, ("a", 1)) == "="
        assert words.cell(progress, ("b", 0)) == "·"


class TestRunning:
    def test_a_trial_here_says_how_far_it_is(self) -> None:
        progress = told(TrialStarted("a", 0, 6))
        assert words.running(progress) == ["a seed 0: epoch 0/6"]
        take(progress, StepDone("a", 0, 340, 1200))
        assert words.running(progress) == ["a seed 0: epoch 1/6  step 340/1200"]
        take(progress, EpochDone("a", 0, 2, 1.5, 0.25))
        take(progress, StepDone("a", 0, 420, 1200))
        said = "a seed 0: epoch 2/6  step 420/1200  training loss 1.5000  accuracy 0.2500"
        assert words.running(progress) == [said]

    def test_a_loss_that_is_not_finite_is_said_to_be(self) -> None:
        progress = told(TrialStarted("a", 0, 6), EpochDone("a", 0, 1, None, 0.1))
        assert words.running(progress) == ["a seed 0: epoch 1/6  training loss not finite  accuracy 0.1000"]

    def test_trials_elsewhere_are_one_line(self) -> None:
        progress = told(TrialStarted("a", 0, 6), TrialTaken("b", 0, "box.example.org"))
        assert words.running(progress) == ["a seed 0: epoch 0/6", "1 trial runs elsewhere: 1 on box"]
        take(progress, TrialTaken("a", 1, "10.0.12.34"))
        take(progress, TrialTaken("b", 1, "10.0.12.34"))
        assert words.running(progress)[1] == "3 trials run elsewhere: 2 on 10.0.12.34, 1 on box"

    def test_of_many_hosts_those_with_most_trials_are_named(self) -> None:
        """Host h0 runs 1 trial, h1 runs 2, ... h4 runs 5: 15 in all, of which h0 and h1 have 3."""
        started = replace(STARTED, variants=tuple(f"h{host}" for host in range(5)), seeds=tuple(range(5)))
        taken = [TrialTaken(f"h{host}", seed, f"h{host}") for host in range(5) for seed in range(host + 1)]
        said = "15 trials run elsewhere: 5 on h4, 4 on h3, 3 on h2, 3 on other hosts"
        assert words.running(told(*taken, started=started)) == [said]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.6, "1 h 00 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text
