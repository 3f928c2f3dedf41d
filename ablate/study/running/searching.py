"""A search: combinations of levels and values, proposed one after another and tried on images held out.

A combination is proposed while fewer than `search.parallel` are open, and from what those that came before these were
worth: in the order of their proposal, however many workers there are and whatever was killed meanwhile. So the same
search tries the same combinations, unless it looks for low latency, which no two measurements agree on. What it finds
are the combinations that no other beats in everything. Its own numbers are too good, being the best of many, so that
these run again over all seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablate.errors import AblateError, ResultsError, SourceChanged
from ablate.lookup import load_dotted
from ablate.measure import METRICS
from ablate.randomness import seed_of
from ablate.records import last_cause
from ablate.schema import constraint_of, searched_values, value_of
from ablate.study.planning.plan import Plan
from ablate.study.planning.planner import counted, prepared
from ablate.study.planning.rehearsed import check_trains
from ablate.study.planning.searched import Searched, column_of, course_of, identity, stated_factors, timing_of
from ablate.study.planning.variants import Variant, variant_at
from ablate.study.reading.factors import level_name
from ablate.study.reading.levels import Factor, Level
from ablate.study.reading.tunable import searchable
from ablate.study.running.agenda import Job
from ablate.study.running.events import Observer
from ablate.study.running.front import Worth, front_of
from ablate.study.running.rehearsal import SEARCH, Timing, rehearsal_of
from ablate.study.running.settling import usable_record
from ablate.study.running.tried import DIRECTIONS

EXPLORER = "ablate.study.running.proposals:Explorer"
IMPOSSIBLE = 1.0  # as far beyond a bound as a network of twice as much: what is near it is likely not to be either
MOST_INFEASIBLE = 20  # times as many as are trained; more say that hardly anything is allowed


@dataclass(frozen=True)
class _Asked:
    """A combination that was proposed, and what its network costs; without a job where it is not trained.

    `why` says of a network that cannot be what is wrong with it.
    """

    levels: dict[str, str]
    counts: Mapping[str, int]
    job: Job | None
    why: str = ""


@dataclass(frozen=True)
class _Ended:
    """How a combination ended, and its values by metric; of one that failed the `cause`."""

    state: str
    values: Mapping[str, float | None]
    cause: str = ""


class Search:
    """The search of `plan`: what was tried so far, by the records in `folder`, and what is next.

    A trial that failed for good was tried like any other, once another has come to an end (see `afresh`).
    """

    def __init__(self, plan: Plan, folder: Path, observer: Observer) -> None:
        assert plan.study.config.search is not None
        self._plan, self._study, self._folder = plan, plan.study, folder
        self._observer = observer
        self._config = plan.study.config.search
        self._identity = identity(plan.study)
        kinds = searchable(plan.study.config, plan.study.source.parent)
        self._explorer = load_dotted(EXPLORER)(
            {factor.column: [level.name for level in factor.levels] for factor in stated_factors(plan.study)},
            {column_of(path): spanned for path, spanned in self._config.fields.items()},
            [column_of(path) for path in self._config.fields if kinds[path] is int],
            [DIRECTIONS[METRICS[name].direction] for name in self._config.objectives],
            self._config.sampler,
            seed_of("search", course_of(plan.study)) % 2**32,
        )
        self._asked: list[_Asked] = []
        self._ended: dict[int, _Ended] = {}
        self._open: list[int] = []

    def next_jobs(self) -> list[Job]:
        """What can begin now and was not named before; called at the start and whenever a trial has ended."""
        jobs: list[Job] = []
        while self._take_in() or self._may_ask():
            while self._may_ask():
                jobs += self._ask()
        return jobs

    def seeds_ended(self) -> list[int]:
        """Of the trials that have ended, of all that were named."""
        return [each.job.seed for each in self._asked if each.job is not None and self._outcome(each) is not None]

    @property
    def is_over(self) -> bool:
        """Whether every combination has ended."""
        return not self._open and not self._may_ask()

    def found(self) -> Searched:
        """The combinations that run over all seeds, and all that were tried.

        Raises `ResultsError` where none came to an end and some failed: that says nothing of the networks; and
        `StudyError` where none is allowed.
        """
        self._check_some_ended()
        front = self._front()
        trials = [{**self._row(number), "front": number in front} for number in range(len(self._asked))]
        return {"digest": self._identity, "front": [self._asked[each].levels for each in front], "trials": trials}

    def _check_some_ended(self) -> None:
        ended = [self._ended[number] for number in range(len(self._asked))]
        if all(each.state == "infeasible" for each in ended):
            raise self._study.error(("search",), self._why_none_is_allowed())
        failed = [each.cause for each in ended if each.state == "failed"]
        if failed and not any(each.state == "complete" for each in ended):
            raise ResultsError(
                f"{self._folder}: no trial of the search came to an end, {len(failed)} failed, the last with "
                f"{failed[-1]}; see to that and run the same command again, which tries them afresh"
            )

    def _why_none_is_allowed(self) -> str:
        told = f"none of the {len(self._asked)} combinations that were proposed is allowed"
        impossible = [each.why for each in self._asked if each.why]
        if impossible:
            return f"{told}; of the last that cannot be: {impossible[-1]}"
        least = {name: min(each.counts[name] for each in self._asked) for name in ("params", "macs")}
        most = {name: max(each.counts[name] for each in self._asked) for name in ("params", "macs")}
        spans = ", ".join(f"{least[name]:,} to {most[name]:,} {name}" for name in least)
        return f"{told} by {' and '.join(self._config.constraints)}: they have {spans}; state other bounds or ranges"

    def _may_ask(self) -> bool:
        trained = sum(each.job is not None for each in self._asked)
        within = len(self._asked) < MOST_INFEASIBLE * self._config.trials
        return within and trained < self._config.trials and len(self._open) < self._config.parallel

    def _ask(self) -> list[Job]:
        """Propose the next combination: its trial, none if it is not allowed or was run before."""
        values, number = self._explorer.ask(), len(self._asked)
        levels = [self._level(factor, values[factor.column]) for factor in self._study.factors]
        named = {factor.column: level.name for factor, level in zip(self._study.factors, levels, strict=True)}
        counts: Mapping[str, int] = {}
        try:
            variant = variant_at(self._study, levels)
            counts = counted(self._plan, variant)
            excess = self._excess(counts)
            if any(each > 0 for each in excess):
                self._explorer.tell(number, [0.0] * len(self._config.objectives), excess)
                return self._refuse(_Asked(named, counts, None))
            variant = prepared(self._plan, variant, counts)
            check_trains(variant)
        except SourceChanged:
            raise
        except AblateError as error:  # a network or a training that cannot be is one that is not allowed
            self._explorer.tell(number, [0.0] * len(self._config.objectives), [IMPOSSIBLE])
            return self._refuse(_Asked(named, counts, None, str(error)))
        job = self._job(variant)
        self._asked.append(_Asked(named, counts, job))
        self._open.append(number)
        return [job] if self._outcome(self._asked[number]) is None else []

    def _refuse(self, asked: _Asked) -> list[Job]:
        self._ended[len(self._asked)] = _Ended("infeasible", asked.counts)
        self._asked.append(asked)
        return []

    def _job(self, variant: Variant) -> Job:
        baseline = self._plan.variants[0]
        assert baseline.data_digest is not None
        timing = Timing(baseline.variant.model, **timing_of(self._study.config.cost))
        return rehearsal_of(
            replace(variant, name=SEARCH),
            baseline.data_digest,
            sum(each.job is not None for each in self._asked),
            timing=timing if "latency" in self._config.objectives else None,
        )

    def _level(self, factor: Factor, value: Any) -> Level:
        if factor.path_or_name in self._config.fields:
            return Level(level_name(value), value, {factor.path_or_name: value})
        return next(level for level in factor.levels if level.name == value)

    def _excess(self, counts: Mapping[str, int]) -> list[float]:
        constraints = [constraint_of(text) for text in self._config.constraints]
        return [each.excess(counts[each.count]) / each.bound for each in constraints]

    def _take_in(self) -> bool:
        """Tell what the trial that was proposed first of all that are open was worth, if it has ended."""
        if not self._open or (ended := self._outcome(self._asked[self._open[0]])) is None:
            return False
        number = self._open.pop(0)
        self._ended[number] = ended
        if ended.state == "complete":
            values = [ended.values[value_of(name)] for name in self._config.objectives]
            self._explorer.tell(number, values, self._excess(self._asked[number].counts))
        else:
            self._explorer.give_up(number)
        return True

    def _outcome(self, asked: _Asked) -> _Ended | None:
        """None while its trial has not ended."""
        assert asked.job is not None
        record = usable_record(self._folder, asked.job.key, SEARCH, asked.job.seed, self._observer)
        if record is not None:
            return _Ended(record.state, {**asked.counts, **searched_values(record.metrics, record.timed)})
        cause = last_cause(self._folder, asked.job.key)
        return None if cause is None else _Ended("failed", asked.counts, cause)

    def _row(self, number: int) -> dict[str, Any]:
        asked, ended = self._asked[number], self._ended[number]
        row = {"levels": asked.levels, "state": ended.state, "values": dict(ended.values)}
        why = {"why": asked.why} if asked.why else {}
        return {**row, **why} if asked.job is None else {**row, "key": asked.job.key}

    def _front(self) -> list[int]:
        columns = [value_of(name) for name in self._config.objectives]
        whole = [
            Worth(number, self._asked[number].levels, [_known(ended.values[column]) for column in columns])
            for number, ended in sorted(self._ended.items())
            if ended.state == "complete"
        ]
        return front_of(whole, [METRICS[name].direction for name in self._config.objectives], self._config.front)


def _known(value: float | None) -> float:
    """A value of a trial that came to an end, all of which are numbers."""
    assert value is not None
    return value
