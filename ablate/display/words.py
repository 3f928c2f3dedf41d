"""What is said of a run: one plain line an event, and the texts of the live table."""

import math
import re
from collections import Counter

from ablate.display.progress import Elsewhere, Here, Progress, Recorded, Trial, planned
from ablate.report.numbers import quantity, show
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
    VariantTuned,
)

NOT_BEGUN = "·"
SHARED = "="  # the cell of a trial that another cell stands for as well

HOST_WIDTH = 5  # of a host in a cell, which is then no wider than an accuracy
MOST_HOSTS = 3  # that are named below the table

OfTrial = (
    TrialStarted
    | EpochDone
    | StepDone
    | TrialFinished
    | TrialTaken
    | TrialLeft
    | TrialArrived
    | TrialFailed
    | RecordSetAside
)
OfRun = (
    StudyStarted
    | StatementChanged
    | SeedsSettled
    | VariantTuned
    | GpuShared
    | CostsWait
    | CostsRound
    | CostsFailed
    | LedgerWait
    | LedgerRebuilt
    | FindingsNotShown
)


def line(event: Event, progress: Progress | None) -> str:
    """One plain line; empty for what would only fill a log."""
    return _of_trial(event, progress) if isinstance(event, OfTrial) else _of_run(event)


def _of_trial(event: OfTrial, progress: Progress | None) -> str:
    trial = f"{event.variant} seed {event.seed}"
    match event:
        case TrialStarted() | StepDone() | TrialTaken() | TrialLeft():
            return ""
        case EpochDone(epoch=epoch):
            return f"{trial}: epoch {epoch}, {_learnt(event, ', ')}"
        case TrialFinished(state=state, accuracy=accuracy, seconds=seconds):
            return f"{trial}: {_outcome(state, accuracy, progress)} in {duration(seconds)}{_position(progress)}"
        case TrialArrived(state=state, accuracy=accuracy):
            return f"{trial}: {_outcome(state, accuracy, progress)}, by another run{_position(progress)}"
        case TrialFailed(cause=cause, log=log, outlook=outlook):
            return f"{trial} failed, {outlook}: {cause} ({log})"
        case RecordSetAside(why=why, path=path):
            return f"{trial}: its record cannot be used, so it will run again: {_flat(why)} (set aside as {path})"


def _of_run(event: OfRun) -> str:
    match event:
        case StudyStarted():
            return _started(event)
        case StatementChanged(changed=changed, finished=finished, planned=of):
            told = f"{' and '.join(changed)} changed after {finished} of {of} trials had finished"
            return f"{told}; plan.json keeps what was stated before, and the report shows both"
        case SeedsSettled():
            return _settled(event)
        case VariantTuned():
            return _tuned(event)
        case GpuShared(device=device, workers=workers, images_per_second=pace):
            return f"{device}: {workers} at a time train {pace:,.0f} images/s together"
        case CostsWait(device=device):
            return f"measuring: waiting until nothing else runs on {device}"
        case CostsRound(number=number):
            return f"costs: round {number} done"
        case CostsFailed(cause=cause, log=log):
            return f"costs could not be measured: {cause} ({log})"
        case LedgerWait(cause=cause):
            return f"the ledger does not answer and is asked again until it does: {_flat(cause)}"
        case LedgerRebuilt(cause=cause, path=path):
            told = f"the ledger cannot be used, so a new one is made from the records: {_flat(cause)}"
            return f"{told} (set aside as {path})"
        case FindingsNotShown(cause=cause):
            return f"all is written, but Optuna's tools will not find it in the ledger: {_flat(cause)}"


def _started(event: StudyStarted) -> str:
    split = f"{_count(event.workers, 'worker')} of {_count(event.threads, 'thread')}"
    how = f"on {event.device}, {split}, into {event.folder}"
    if not event.seeds:
        return f"{event.name}: nothing to train; {how}"
    if event.phase == "tuning":
        trials = f"{_count(len(event.variants), 'variant')} x {len(event.seeds)} = {_count(planned(event), 'trial')}"
        return f"{event.name}, tuning: {trials}, {len(event.done)} done; {how}"
    if event.phase == "search":
        return f"{event.name}, search: {_count(planned(event), 'trial')}, {len(event.done)} done; {how}"
    variants, trials = _count(len(event.variants), "variant"), _count(planned(event), "trial")
    head = f"{event.name}: {variants} x {_seeds(event)} = {trials}"
    return f"{head}, {len(event.done)} done; {how}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tuned(event: VariantTuned) -> str:
    values = ", ".join(f"{path} {value:g}" for path, value in event.values.items())
    unit = quantity(event.metric)
    return f"{event.variant}: tuned to {values}; validation {unit.header} {show(event.metric, event.score)}"


def _settled(event: SeedsSettled) -> str:
    unit = quantity(event.metric).difference_unit
    asked = f"±{show(event.metric, event.until)} {unit}"
    width = "missing" if math.isnan(event.half_width) else f"±{show(event.metric, event.half_width)}"
    match event.outlook:
        case "enough":
            return f"{event.judged} seeds are enough: every 95 % interval is within {asked} (the widest is {width})"
        case "at most":
            return f"{event.judged} seeds are as many as may be: the widest 95 % interval is {width}, not {asked}"
        case "unfinished":
            return f"no seeds beyond {event.planned} begin while one of their trials has no result"


def headline(progress: Progress, spent_seconds: float) -> str:
    """What stands above the table: how far the run is, and what it waits for."""
    started = progress.started
    blocks = f" of {_seeds(started)}" if started.at_most is not None else ""
    text = f"{started.name}  {progress.done}/{progress.planned} trials{blocks}  {duration(spent_seconds)} spent"
    return f"{text}  {_time_left(progress)}  {_costs(progress)}".rstrip()


def cell(progress: Progress, trial: Trial) -> str:
    """Where a trial stands, in a few characters."""
    match progress.standing(trial):
        case None:
            return SHARED if trial in progress.started.shared else NOT_BEGUN
        case Here() as here:
            return f"{here.epoch}/{here.epochs}" if here.epoch else "…"
        case Elsewhere(host=host):
            return f"@{_short(_name(host))}"
        case Recorded(state=state, accuracy=accuracy):
            return _number(accuracy) if state == "complete" else state
        case "again" | "failed" as standing:
            return standing


def running(progress: Progress) -> list[str]:
    """One line for each trial that runs here, and one for all that run elsewhere."""
    lines = [f"{variant} seed {seed}: {_how_far(here)}" for (variant, seed), here in progress.running.items()]
    hosts = Counter(standing.host for standing in progress.going.values() if isinstance(standing, Elsewhere))
    return [*lines, _elsewhere(hosts)] if hosts else lines


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _how_far(here: Here) -> str:
    parts = [f"epoch {here.epoch}/{here.epochs}"]
    if here.step is not None:
        parts.append(f"step {here.step.step}/{here.step.steps}")
    if here.last is not None:
        parts.append(_learnt(here.last, "  "))
    return "  ".join(parts)


def _elsewhere(hosts: Counter[str]) -> str:
    """`3 trials run elsewhere: 2 on a, 1 on b`, the hosts with most of them by name."""
    most = hosts.most_common(MOST_HOSTS)
    named = [f"{count} on {_name(host)}" for host, count in most]
    others = hosts.total() - sum(count for _, count in most)
    if others:
        named.append(f"{others} on other hosts")
    return f"{hosts.total()} {'trial runs' if hosts.total() == 1 else 'trials run'} elsewhere: {', '.join(named)}"


def _name(host: str) -> str:
    """`host` without its domain, an address as it is."""
    return host if re.fullmatch(r"[\d.]+", host) else host.partition(".")[0]


def _short(name: str) -> str:
    """`name` in HOST_WIDTH characters; its middle goes if need be, as numbers stand at the end."""
    return name if len(name) <= HOST_WIDTH else f"{name[: HOST_WIDTH // 2]}…{name[-(HOST_WIDTH // 2) :]}"


def _costs(progress: Progress) -> str:
    match progress.costs:
        case CostsRound(number=number, seconds_left=left):
            return f"costs: round {number} done, about {duration(left)} left" if left else ""
        case CostsWait() as wait:
            return _of_run(wait)
        case None:
            return ""


def _position(progress: Progress | None) -> str:
    return f" [{progress.done}/{progress.planned}, {_time_left(progress)}]" if progress else ""


def _time_left(progress: Progress) -> str:
    left = progress.seconds_left()
    return "time left not known yet" if left is None else f"about {duration(left)} left"


def _seeds(started: StudyStarted) -> str:
    """`5 seeds`, or `5 seeds (at most 20)` where they are added in blocks."""
    most = f" (at most {started.at_most})" if started.at_most is not None else ""
    return f"{_count(len(started.seeds), 'seed')}{most}"


def _learnt(event: EpochDone, separator: str) -> str:
    return f"training loss {_number(event.train_loss)}{separator}accuracy {_number(event.train_accuracy)}"


def _outcome(state: str, accuracy: float | None, progress: Progress | None) -> str:
    split = "validation" if progress and progress.started.phase != "training" else "test"
    return f"{split} accuracy {_number(accuracy)}" if state == "complete" else state


def _number(number: float | None) -> str:
    return "not finite" if number is None else f"{number:.4f}"


def _flat(text: str) -> str:
    """`text` in one line; what a database says of an error has several."""
    return " ".join(text.split())
