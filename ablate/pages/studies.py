"""Of a study: its table, its plan, how far it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ablate import report
from ablate.pages.power import power_blocks
from ablate.records import Results
from ablate.report.document import Block, Bullets, Code, Column, Heading, Notice, Paragraph, Table
from ablate.report.index import Entry
from ablate.report.numbers import quantity, show
from ablate.report.sections.answer import answer
from ablate.report.sections.counted import counted
from ablate.report.sections.parameters import parameters
from ablate.report.sections.printed import printed
from ablate.report.sections.results import result_tables
from ablate.report.sections.systems import systems_table

if TYPE_CHECKING:  # a report must not wait for Optuna, nor need it
    from ablate.study.status import Failure, Status

NOTHING_TO_TRAIN = "nothing to train: a study that counts its networks"


def results_page(results: Results, derived: report.Tables) -> list[Block]:
    """The question, the answer, and the table of variants, with the main effects where factors are crossed."""
    if results.plan["study"]["design"] == "count":
        return counts_page(results, derived)
    said = [block for block in answer(results, derived) if isinstance(block, Heading | Paragraph | Bullets | Notice)]
    return [*said, *result_tables(results, derived)]


def index_page(entries: Sequence[Entry]) -> list[Block]:
    """Every study of a folder with its answer."""
    rows = tuple((str(entry.folder), entry.answer) for entry in entries)
    return [Table((Column("study", "left"), Column("answer", "left")), rows)]


def counts_page(results: Results, derived: report.Tables) -> list[Block]:
    """Of a study that only counts: the answer, the systems, every printed number with its verdict, the chart."""
    return [
        *counted(results, derived),
        systems_table(results, derived),
        *printed(results, derived),
        *parameters(results, derived),
    ]


def plan_page(preview: dict[str, Any]) -> list[Block]:
    """The variants with their counts, what is left to do, and what the seeds can show."""
    left = preview["seconds_left"]
    time_left = "unknown until a trial has finished" if left is None else f"about {left / 60:.0f} min on one worker"
    trials = f"{preview['trials']} trials, {preview['done']} done; training time left: {time_left}"
    trials = trials if preview["trials"] else NOTHING_TO_TRAIN
    names = list(preview["variants"][0])
    columns = tuple(Column(name, "right" if name in ("params", "macs") else "left") for name in names)
    rows = tuple(tuple(_cell(row[name]) for name in names) for row in preview["variants"])
    return [
        Heading(preview["study"], 1),
        Table(columns, rows),
        Paragraph(trials),
        *_first_blocks(preview["first"]),
        *_seed_blocks(preview["seeds"]),
        *(power_blocks(preview["power"]) if preview["power"] else []),
    ]


def _first_blocks(first: dict[str, Any] | None) -> list[Block]:
    if first is None:
        return []
    if first["phase"] == "search":
        said = f"{first['trials']} trials of a search come first; what they find joins the baseline as variants."
    else:
        said = f"{first['trials']} trials of tuning come first, on images held out of the training split."
    return [Paragraph(said)]


def status_page(status: "Status") -> list[Block]:
    """Counts, what runs now, and every failure with its causes and the end of its log."""
    counts = f"{status.complete} of {status.planned} trials complete, {status.missing} missing"
    counts = counts if status.planned else NOTHING_TO_TRAIN
    counts += f", {status.diverged} diverged" if status.diverged else ""
    running: list[Block] = [Paragraph("running now:"), Bullets(status.running)] if status.running else []
    failures = [block for failure in status.failures for block in _failure_blocks(failure)]
    return [Heading(status.study, 1), *_rehearsed_blocks(status), Paragraph(counts), *running, *failures]


def _rehearsed_blocks(status: "Status") -> list[Block]:
    if status.rehearsed is None:
        return []
    of = "the search" if status.rehearsed.phase == "search" else "tuning"
    return [Paragraph(f"{status.rehearsed.ended} of {status.rehearsed.trials} trials of {of} have ended")]


def _seed_blocks(seeds: dict[str, Any]) -> list[Block]:
    if seeds["until"] is None:
        return []
    metric = seeds["metric"]
    unit = quantity(metric).difference_unit
    said = (
        f"{seeds['planned']} seeds a variant are planned by now and at most {seeds['at_most']}, until every 95 % "
        f"interval is within ±{show(metric, seeds['until'])} {unit}"
    )
    if not seeds["judged"]:
        return [Paragraph(f"{said}; none is known yet.")]
    known = "an interval is missing" if seeds["half_width"] is None else f"±{show(metric, seeds['half_width'])} {unit}"
    more = "" if seeds["outlook"] == "unfinished" else "; no more are added"
    return [Paragraph(f"{said}; the widest after {seeds['judged']} seeds: {known}{more}.")]


def _failure_blocks(failure: "Failure") -> list[Block]:
    causes = Bullets(tuple(f"attempt {number}: {cause}" for number, cause in enumerate(failure.causes, 1)))
    return [Notice(f"{failure.what} failed"), causes, Paragraph(f"log: {failure.log}"), Code(failure.log_tail)]


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
