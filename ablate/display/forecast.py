"""How long the rest of a run will take, judged by the trials that have ended and by the pace of those that run."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

# Of the trials that ended here so many a worker, the last ones, tell how much other runs help: these come and go.
JUDGED_PER_WORKER = 4


@dataclass(frozen=True)
class Finish:
    """A trial that ended here after `seconds`, and the variants of those that other runs ended since the one before."""

    variant: str
    seconds: float
    alongside: tuple[str, ...]


@dataclass(frozen=True)
class Pace:
    """A trial that runs here: its steps, how many of them are done, and what one takes."""

    variant: str
    steps: int
    step: int
    step_seconds: float

    @property
    def whole(self) -> float:
        return self.steps * self.step_seconds

    @property
    def left(self) -> float:
        return (self.steps - self.step) * self.step_seconds


def seconds_left(left: Counter[str], finishes: Sequence[Finish], paces: Sequence[Pace], workers: int) -> float | None:
    """None before a trial has ended here or told its pace. `left`: variant -> trials that have not ended.

    A trial takes the mean of those of its variant that ended here, else what those that run will have taken, else the
    mean of all variants that are known. Of those that run what they have still to do counts, where they have told. The
    `workers` here share it, and workers of other runs help in so far as they have ended trials of late. There are no
    more workers than trials, and none ends before the longest trial that runs.
    """
    if not finishes and not paces:
        return None
    expected = _expected_seconds(finishes, paces)
    done = sum(min(expected[pace.variant], pace.whole) - pace.left for pace in paces)
    seconds = sum(expected[variant] * count for variant, count in left.items()) - max(0.0, done)
    here = max(1, workers)
    helped = here * _help(finishes[-here * JUDGED_PER_WORKER :], expected)
    longest = max((pace.left for pace in paces), default=0.0)
    return max(longest, seconds / max(1, min(helped, left.total())))


def _expected_seconds(finishes: Sequence[Finish], paces: Sequence[Pace]) -> Mapping[str, float]:
    """Seconds of a trial of each variant here; those of which nothing is known take the mean of all that ended."""
    ended, running = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for finish in finishes:
        ended[finish.variant].append(finish.seconds)
    for pace in paces:
        running[pace.variant].append(pace.whole)
    known = {variant: fmean(seconds) for variant, seconds in {**running, **ended}.items()}
    overall = fmean([finish.seconds for finish in finishes] or known.values())
    return defaultdict(lambda: overall, known)


def _help(finishes: Sequence[Finish], expected: Mapping[str, float]) -> float:
    """How many times the work that this run did all runs did together while these trials ended; 1 if it was alone.

    The work of a trial is the seconds that its variant takes here, so networks of unlike size count by their size.
    """
    own = sum(finish.seconds for finish in finishes)
    others = sum(expected[variant] for finish in finishes for variant in finish.alongside)
    return 1 + others / own if own else 1.0
