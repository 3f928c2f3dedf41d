"""What is known of a run: where its trials stand, how many are done, how long the rest will take."""

from dataclasses import replace
from pathlib import Path

import pytest

from ablate.display.progress import Elsewhere, Here, Progress, Recorded, take
from ablate.study.running.events import (
    CostsRound,
    CostsWait,
    EpochDone,
    Event,
    RecordSetAside,
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
WIDE = replace(STARTED, variants=("a", "b", "c"), seeds=tuple(range(10)))
"""30 trials for one worker."""


def told(*events: Event, started: StudyStarted = STARTED) -> Progress:
    progress = Progress(started)
    for event in events:
        take(progress, event)
    return progress


def finished(variant: str, seed: int, seconds: float) -> tuple[Event, Event]:
    return TrialStarted(variant, seed, 2), TrialFinished(variant, seed, "complete", 0.5, seconds)


def arrived(variant: str, seed: int) -> tuple[Event, Event]:
    return TrialTaken(variant, seed, "there"), TrialArrived(variant, seed, "complete", 0.5)


class TestTrialsOfThisRun:
    def test_a_running_trial_is_still_to_do(self) -> None:
        progress = told(*finished("a", 0, 10.0))
        assert (progress.done, progress.seconds_left()) == (1, 30)
        take(progress, TrialStarted("a", 1, 2))
        take(progress, EpochDone("a", 1, 1, 2.0, 0.5))
        assert (progress.done, progress.seconds_left()) == (1, 30)
        assert list(progress.running) == [("a", 1)]

    @pytest.mark.parametrize(("outlook", "done", "left"), [("will be tried again", 1, 30), ("given up", 2, 20)])
    def test_a_failed_trial_is_done_only_when_it_is_given_up(self, outlook: str, done: int, left: float) -> None:
        failed = TrialFailed("a", 1, "boom", LOG, outlook)
        progress = told(*finished("a", 0, 10.0), TrialStarted("a", 1, 2), failed)
        assert (progress.done, progress.seconds_left(), progress.running) == (done, left, {})

    def test_what_an_earlier_run_did_is_done(self) -> None:
        progress = Progress(replace(STARTED, done=frozenset({("a", 0), ("b", 1)})))
        assert (progress.done, progress.planned) == (2, 4)

    def test_a_trial_that_is_tried_again_runs_here(self) -> None:
        failed = TrialFailed("a", 0, "boom", LOG, "will be tried again")
        progress = told(TrialStarted("a", 0, 2), EpochDone("a", 0, 1, 2.0, 0.5), failed, TrialStarted("a", 0, 2))
        assert progress.standing(("a", 0)) == Here(2)

    def test_epochs_follow_from_the_step_until_one_ends(self) -> None:
        progress = told(TrialStarted("a", 0, 6), StepDone("a", 0, 199, 1200))
        assert progress.running["a", 0].epoch == 0
        take(progress, StepDone("a", 0, 640, 1200))  # 3.2 of 6 epochs: it goes on from a checkpoint
        assert progress.running["a", 0].epoch == 3
        take(progress, EpochDone("a", 0, 4, 2.0, 0.5))
        assert progress.running["a", 0].epoch == 4

    def test_the_last_word_of_a_worker_whose_trial_has_ended_goes_unheard(self) -> None:
        failed = TrialFailed("a", 0, "stalled", LOG, "given up")
        late = (StepDone("a", 0, 1, 9), EpochDone("a", 0, 1, 2.0, 0.5), StepDone("b", 0, 1, 9))
        progress = told(TrialStarted("a", 0, 2), failed, *late)
        assert (progress.standing(("a", 0)), progress.standing(("b", 0))) == ("failed", None)

    def test_costs_are_spoken_of_until_the_first_trial_starts(self) -> None:
        progress = told(CostsWait("cpu"), CostsRound(1, 3.0))
        assert progress.costs == CostsRound(1, 3.0)
        take(progress, TrialStarted("a", 0, 2))
        assert progress.costs is None


class TestTrialsOfOtherRuns:
    def test_a_taken_trial_runs_elsewhere_and_is_done_when_its_record_arrives(self) -> None:
        progress = told(TrialTaken("a", 0, "there"))
        assert (progress.standing(("a", 0)), progress.done, progress.running) == (Elsewhere("there"), 0, {})
        take(progress, TrialArrived("a", 0, "diverged", None))
        assert (progress.standing(("a", 0)), progress.done) == (Recorded("diverged", None), 1)

    def test_a_record_may_arrive_of_a_trial_that_was_not_seen_to_run(self) -> None:
        progress = told(TrialArrived("a", 0, "complete", 0.5), TrialArrived("a", 0, "complete", 0.5))
        assert (progress.standing(("a", 0)), progress.done) == (Recorded("complete", 0.5), 1)

    def test_a_trial_whose_owner_died_has_not_begun(self) -> None:
        progress = told(TrialTaken("a", 0, "there"), TrialLeft("a", 0))
        assert progress.standing(("a", 0)) is None
        progress = told(TrialTaken("a", 0, "there"), TrialStarted("a", 0, 2), TrialLeft("a", 0))
        assert list(progress.running) == [("a", 0)]

    def test_a_trial_whose_owner_died_is_trained_here(self) -> None:
        progress = told(TrialTaken("a", 0, "there"), TrialStarted("a", 0, 2))
        assert list(progress.running) == [("a", 0)]
        take(progress, TrialFinished("a", 0, "complete", 0.5, 1.0))
        assert (progress.done, progress.going) == (1, {})

    @pytest.mark.parametrize(("outlook", "done"), [("will be tried again", 0), ("given up", 1)])
    def test_a_trial_that_failed_here_is_taken_by_another(self, outlook: str, done: int) -> None:
        progress = told(TrialStarted("a", 0, 2), TrialFailed("a", 0, "boom", LOG, outlook))
        assert progress.done == done
        take(progress, TrialTaken("a", 0, "there"))
        assert (progress.standing(("a", 0)), progress.done) == (Elsewhere("there"), 0)

    def test_old_news_does_not_take_a_trial_from_this_run(self) -> None:
        progress = told(TrialTaken("a", 0, "there"), TrialStarted("a", 0, 2), TrialTaken("a", 0, "there"))
        assert list(progress.running) == [("a", 0)]

    def test_old_news_does_not_undo_a_record(self) -> None:
        progress = told(*arrived("a", 0), TrialTaken("a", 0, "there"), *finished("b", 0, 1.0))
        take(progress, TrialTaken("b", 0, "there"))
        take(progress, TrialFailed("a", 0, "boom", LOG, "will be tried again"))
        assert (progress.done, progress.going) == (2, {})

    def test_a_record_ends_a_trial_that_runs_here_too(self) -> None:
        progress = told(TrialStarted("a", 0, 2), TrialArrived("a", 0, "complete", 0.5), EpochDone("a", 0, 1, 2.0, 0.5))
        assert (progress.done, progress.running) == (1, {})

    def test_a_record_that_is_set_aside_is_to_be_made_again(self) -> None:
        progress = Progress(replace(STARTED, done=frozenset({("a", 0)})))
        take(progress, RecordSetAside("a", 0, "it is empty", Path("damaged/k.json")))
        assert (progress.done, progress.standing(("a", 0)), progress.left["a"]) == (0, None, 2)
        for event in finished("a", 0, 10.0):
            take(progress, event)
        assert (progress.done, progress.seconds_left()) == (1, 30)


class TestBlocksOfSeeds:
    FIRST = replace(STARTED, at_most=4)
    SECOND = replace(FIRST, seeds=(0, 1, 2, 3), done=frozenset({("a", 0), ("a", 1), ("b", 0), ("b", 1)}))

    def test_progress_goes_on_with_what_it_knew(self) -> None:
        progress = told(*finished("a", 0, 10.0), started=self.FIRST)
        progress.go_on(self.SECOND)
        assert (progress.done, progress.planned, progress.seconds_left()) == (4, 8, 40)
        assert progress.standing(("a", 0)) == Recorded("complete", 0.5)

    def test_what_was_elsewhere_or_failed_and_has_a_record_now_is_done(self) -> None:
        failed = TrialFailed("b", 0, "boom", LOG, "given up")
        progress = told(TrialTaken("a", 0, "there"), failed, self.SECOND, started=self.FIRST)
        assert (progress.done, progress.going) == (4, {})
        assert progress.standing(("a", 0)) == progress.standing(("b", 0)) == Recorded("done", None)


def test_shared_trials_count_once() -> None:
    """The second seed of a is trained as the first of b."""
    progress = told(*finished("a", 0, 10.0), started=replace(STARTED, shared=frozenset({("a", 1)})))
    assert (progress.done, progress.planned, progress.seconds_left()) == (1, 3, 20)


class TestTimeLeft:
    def test_before_the_first_trial_ends_nothing_is_known(self) -> None:
        assert told(TrialStarted("a", 0, 2)).seconds_left() is None

    def test_what_others_end_says_nothing_of_the_time_a_trial_takes_here(self) -> None:
        assert told(TrialStarted("a", 0, 2), *arrived("b", 0)).seconds_left() is None

    def test_a_variant_s_own_mean_counts_and_the_mean_of_all_for_the_others(self) -> None:
        progress = Progress(replace(STARTED, variants=("a", "b", "c"), seeds=(0, 1, 2), workers=2))
        for trial in (("a", 0, 10.0), ("a", 1, 20.0), ("b", 0, 60.0)):
            for event in finished(*trial):
                take(progress, event)
        # a: one trial of 15 s; b: two of 60 s; c: three of the mean of all, 30 s; on two workers
        assert progress.seconds_left() == (15 + 2 * 60 + 3 * 30) / 2
        assert (progress.done, progress.planned) == (3, 9)

    def test_a_last_trial_is_not_shared_out_over_workers(self) -> None:
        progress = Progress(replace(STARTED, workers=4))
        for trial in (("a", 0), ("a", 1), ("b", 0)):
            for event in finished(*trial, 10.0):
                take(progress, event)
        assert progress.seconds_left() == 10
        take(progress, TrialArrived("b", 1, "complete", 0.5))
        assert progress.seconds_left() == 0

    def test_before_any_has_ended_the_steps_of_those_that_run_tell(self) -> None:
        """100 steps of 0.2 s, half of them done: 10 s of this one, and three more of 20 s."""
        progress = told(TrialStarted("a", 0, 2), StepDone("a", 0, 50, 100, 0.2))
        assert progress.seconds_left() == pytest.approx(10 + 3 * 20, rel=1e-12)

    def test_what_a_running_trial_has_done_is_not_to_do(self) -> None:
        """It takes 20 s here, 2 of them for scoring: of 90 steps of 0.2 s a third is done."""
        progress = told(*finished("a", 0, 20.0), TrialStarted("a", 1, 2), StepDone("a", 1, 30, 90, 0.2))
        assert progress.seconds_left() == pytest.approx(3 * 20 - 6, rel=1e-12)

    def test_the_longest_trial_that_runs_is_waited_for(self) -> None:
        progress = told(
            *finished("a", 0, 10.0),
            *finished("a", 1, 10.0),
            TrialStarted("b", 0, 2),
            StepDone("b", 0, 10, 100, 1.0),
            TrialStarted("b", 1, 2),
            StepDone("b", 1, 90, 100, 1.0),
            started=replace(STARTED, workers=2),
        )
        assert progress.seconds_left() == pytest.approx(90, rel=1e-12)

    def test_a_step_without_a_time_says_nothing(self) -> None:
        assert told(TrialStarted("a", 0, 2), StepDone("a", 0, 50, 100)).seconds_left() is None

    def test_a_run_that_does_as_much_halves_it(self) -> None:
        """While a trial of 10 s ended here, so did one elsewhere: 28 are left to two workers."""
        progress = told(TrialStarted("a", 0, 2), *arrived("a", 1), *finished("a", 0, 10.0), started=WIDE)
        assert progress.seconds_left() == 28 * 10 / 2

    def test_the_work_of_others_counts_by_the_size_of_their_networks(self) -> None:
        """Of b a trial takes 30 s here, of a 10 s; while both ended, another run ended one more of b: 70 s for 40 s."""
        events = (*finished("a", 0, 10.0), TrialStarted("b", 0, 2), *arrived("b", 1), *finished("b", 0, 30.0))
        left = 9 * 10 + 8 * 30 + 10 * 20  # of c, the mean of 10 and 30
        assert told(*events, started=WIDE).seconds_left() == pytest.approx(left / (70 / 40), rel=1e-12)

    def test_records_that_were_made_before_are_no_help(self) -> None:
        """Ten arrive at once that nobody was seen to work on; ten more while nothing runs here to compare with."""
        before = [TrialArrived("b", seed, "complete", 0.5) for seed in range(10)]
        idle = [event for seed in range(10) for event in arrived("c", seed)]
        progress = told(*idle, TrialStarted("a", 0, 2), *before, *finished("a", 0, 10.0), started=WIDE)
        assert (progress.done, progress.seconds_left()) == (21, 9 * 10)

    def test_a_run_that_has_left_is_counted_on_no_more(self) -> None:
        """The judgement is over the last 4 trials of the one worker here."""
        progress = told(TrialStarted("a", 0, 2), *arrived("b", 0), started=WIDE)
        for seed in range(4):
            for event in finished("a", seed, 10.0):
                take(progress, event)
        assert progress.seconds_left() == pytest.approx(25 * 10 / (1 + 10 / 40), rel=1e-12)
        for event in finished("a", 4, 10.0):
            take(progress, event)
        assert progress.seconds_left() == 24 * 10

    def test_trials_that_take_no_time_divide_nothing_by_zero(self) -> None:
        progress = told(TrialStarted("a", 0, 2), *arrived("a", 1), *finished("a", 0, 0.0), started=WIDE)
        assert progress.seconds_left() == 0
