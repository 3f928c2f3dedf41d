"""What the commands say, as report blocks: from data to headings and tables, without printing anything."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from ablate import report
from ablate.data import DATASETS
from ablate.errors import StudyError
from ablate.measure import METRICS
from ablate.models import PRESETS
from ablate.models.quantities import QUANTITIES, Scope
from ablate.models.resolve import PACKAGES
from ablate.records import Results
from ablate.report.document import Block, Bullets, Code, Column, Heading, Notice, Paragraph, Table
from ablate.report.sections.answer import answer
from ablate.report.sections.counted import counted
from ablate.report.sections.parameters import parameters
from ablate.report.sections.printed import printed
from ablate.report.sections.results import result_tables
from ablate.report.sections.systems import systems_table
from ablate.schema import SECTIONS
from ablate.study.load import question_of
from ablate.train.recipes import RECIPES

if TYPE_CHECKING:  # a report must not wait for Optuna, nor need it
    from ablate.doctor import Finding
    from ablate.study.status import Failure, Status

STUDY_FOLDER = Path("studies")
NOTHING_TO_TRAIN = "nothing to train: a study that counts its networks"


def results_page(results: Results, baseline: str | None = None) -> list[Block]:
    """The question, the answer, and the table of variants, with the main effects where factors are crossed."""
    derived = report.tables(results, baseline)
    if results.plan["study"]["design"] == "count":
        return counts_page(results, derived)
    said = [block for block in answer(results, derived) if isinstance(block, Heading | Paragraph | Notice)]
    return [*said, *result_tables(results, derived)]


def counts_page(results: Results, derived: report.Tables) -> list[Block]:
    """Of a study that only counts: the answer, the systems, every printed number with its verdict, the chart."""
    return [
        *counted(results, derived),
        systems_table(results, derived),
        *printed(results, derived),
        *parameters(results, derived),
    ]


def plan_page(preview: dict[str, Any]) -> list[Block]:
    """The variants with their counts, and what is left to do."""
    left = preview["seconds_left"]
    time_left = "unknown until a trial has finished" if left is None else f"about {left / 60:.0f} min on one worker"
    trials = f"{preview['trials']} trials, {preview['done']} done; training time left: {time_left}"
    trials = trials if preview["trials"] else NOTHING_TO_TRAIN
    names = list(preview["variants"][0])
    columns = tuple(Column(name, "right" if name in ("params", "macs") else "left") for name in names)
    rows = tuple(tuple(_cell(row[name]) for name in names) for row in preview["variants"])
    return [Heading(preview["study"], 1), Table(columns, rows), Paragraph(trials)]


def status_page(status: "Status") -> list[Block]:
    """Counts, what runs now, and every failure with its causes and the end of its log."""
    counts = f"{status.complete} of {status.planned} trials complete, {status.missing} missing"
    counts = counts if status.planned else NOTHING_TO_TRAIN
    counts += f", {status.diverged} diverged" if status.diverged else ""
    running: list[Block] = [Paragraph("running now:"), Bullets(status.running)] if status.running else []
    failures = [block for failure in status.failures for block in _failure_blocks(failure)]
    return [Heading(status.study, 1), Paragraph(counts), *running, *failures]


def network_page(described: dict[str, Any]) -> list[Block]:
    """The network's counts, then its layers."""
    size = described["input_size"]
    counts = (
        f"{described['params']:,} parameters, {described['macs']:,} MACs (multiply-adds of convolutions and linear "
        f"layers) at {size}x{size}; fvcore counts {described['fvcore_macs']:,}, "
        f"with BN and pooling {described['fvcore_flops']:,}"
    )
    columns = (Column("layer", "left"), Column("type", "left"), Column("output"), Column("params"), Column("MACs"))
    rows = tuple(
        (
            layer["name"],
            layer["type"],
            " x ".join(str(side) for side in layer["output_shape"]),
            f"{layer['params']:,}",
            f"{layer['macs']:,}",
        )
        for layer in described["layers"]
    )
    return [Heading(described["model"], 1), Table(columns, rows), Paragraph(counts)]


def doctor_page(findings: "Sequence[Finding]") -> list[Block]:
    """One row a thing looked at."""
    rows = tuple((finding.about, finding.health, finding.detail) for finding in findings)
    return [Table((Column("what", "left"), Column("state", "left"), Column("detail", "left")), rows)]


def _models() -> list[tuple[str, str]]:
    ours = [(name, preset.summary) for name, preset in PRESETS.items()]
    return [
        *ours,
        *PACKAGES.items(),
        ("builder: PATH.py:FUNCTION", "a network of your own; its arguments are the fields"),
    ]


def _recipes() -> list[tuple[str, str]]:
    return [
        (name, f"{recipe.summary}. {recipe.source}. Here: {'; '.join(recipe.departures)}")
        for name, recipe in RECIPES.items()
    ]


def _datasets() -> list[tuple[str, str]]:
    return [(name, source.summary) for name, source in DATASETS.items()]


def _quantities() -> list[tuple[str, str]]:
    return [(_with_path(name, entry.scope), entry.meaning) for name, entry in QUANTITIES.items()]


def _with_path(name: str, scope: Scope) -> str:
    return {"network": name, "network or PATH": f"{name}[:PATH]", "PATH": f"{name}:PATH"}[scope]


def _metrics() -> list[tuple[str, str]]:
    return [(name, f"{metric.unit} ({metric.kind}, {metric.direction} is better)") for name, metric in METRICS.items()]


def _factors() -> list[tuple[str, str]]:
    return [
        (f"{name}.{field}", " ".join([info.description or "", *_choices(info.annotation)]))
        for name, section in SECTIONS.items()
        for field, info in section.model_fields.items()
    ]


def _choices(annotation: Any) -> list[str]:
    """`[a, b, c]` for a field that is a choice among names, else nothing."""
    literals = [part for part in (annotation, *get_args(annotation)) if get_origin(part) is Literal]
    return [f"[{', '.join(get_args(literal))}]" for literal in literals]


def _studies() -> list[tuple[str, str]]:
    return [(str(path), _question(path)) for path in sorted(STUDY_FOLDER.rglob("*.yaml"))]


def _question(path: Path) -> str:
    try:
        return question_of(path)
    except StudyError as error:
        return f"cannot be read: {error}"


LISTINGS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "models": _models,
    "datasets": _datasets,
    "factors": _factors,
    "metrics": _metrics,
    "quantities": _quantities,
    "recipes": _recipes,
    "studies": _studies,
}


def listing_page(kinds: Sequence[str]) -> list[Block]:
    """A table for each of `kinds`, keys of LISTINGS: the names, and what each means."""
    blocks: list[Block] = []
    for kind in kinds:
        blocks += [
            Heading(kind),
            Table((Column("name", "left"), Column("what it is", "left")), tuple(LISTINGS[kind]())),
        ]
    return blocks


def _failure_blocks(failure: "Failure") -> list[Block]:
    causes = Bullets(tuple(f"attempt {number}: {cause}" for number, cause in enumerate(failure.causes, 1)))
    return [Notice(f"{failure.what} failed"), causes, Paragraph(f"log: {failure.log}"), Code(failure.log_tail)]


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
