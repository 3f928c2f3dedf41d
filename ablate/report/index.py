"""The reports of one results folder, or of all below a folder, and then a page over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from ablate.errors import ResultsError
from ablate.records import Results, load_results, write_bytes
from ablate.report import DEFAULT_FORMATS, FORMATS, strict_problems, tables, write_derived
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table, shown
from ablate.report.sections import counted
from ablate.report.sections.finding import finding
from ablate.report.sections.progress import progress_sentence

# Of the formats, those that have links.
LINKED = ("html", "md")
TITLE = "Studies"
LEAD = "What each study of this folder asks, and what it found"
TRAINED_LEAD = (
    "Differences are between a variant and its study's baseline, paired by seed, with 95 % intervals; n is the number "
    "of seeds that every variant has. Conditions and method stand in each report."
)
TRAINED = (Column("study", "left"), Column("question", "left"), Column("answer", "left"), Column("n"))
COUNTED = TRAINED[:-1]
COUNTED_LEAD = (
    "These train nothing. They set numbers that papers and guides print of their networks against what is counted of "
    "the networks themselves, such as the paper's Xception against its small relatives."
)


@dataclass(frozen=True)
class Entry:
    """A study as the index shows it; `folder` is its place below the index, `seeds` the fewest that a variant has."""

    folder: PurePosixPath
    kind: Literal["trained", "counted"]
    question: str
    answer: str
    seeds: int


@dataclass(frozen=True)
class Written:
    """What was reported: a study with its tables, or the entries of an index over several; and what weakens them."""

    studies: tuple[tuple[Results, Tables], ...]
    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def write_reports(folder: Path, formats: Sequence[str] = DEFAULT_FORMATS, baseline: str | None = None) -> Written:
    """Write the report of `folder`, or those of all studies below it and an index of them.

    Raises `ResultsError` where there is no study, and for a `baseline` of several, since it is a variant of one.
    """
    found = study_folders(folder)
    if found in ([], [folder]):
        results = load_results(folder)
        derived = tables(results, baseline)
        write_derived(results, derived, formats)
        return Written(((results, derived),), (), tuple(strict_problems(derived)))
    if baseline is not None:
        raise ResultsError(f"--baseline {baseline}: {folder} holds {len(found)} studies; name the folder of one")
    reported = [_report(each, folder, formats) for each in found]
    entries = tuple(entry for entry, _ in reported)
    write_index(folder, entries, formats)
    return Written((), entries, tuple(problem for _, problems in reported for problem in problems))


def study_folders(folder: Path) -> list[Path]:
    """The results folders at or below `folder`, in the order of their paths; none lies within another.

    Raises `ResultsError` for a folder that cannot be looked into.
    """
    try:
        if (folder / "plan.json").exists():
            return [folder]
        inside = list(_folders(folder))
    except OSError as error:
        raise ResultsError(
            f"{folder}: cannot be read ({error.strerror}); name folders that this user may read"
        ) from error
    return [found for inner in inside for found in study_folders(inner)]


def write_index(folder: Path, entries: Sequence[Entry], formats: Sequence[str] = DEFAULT_FORMATS) -> list[Path]:
    """Write `index.<format>` of those `formats` that have links; each links to the reports of its own format."""
    written = [name for name in formats if name in LINKED]
    for name in written:
        write_bytes(folder / f"index.{name}", FORMATS[name](index(entries, name)).encode())
    return [folder / f"index.{name}" for name in written]


def index(entries: Sequence[Entry], form: str) -> list[Block]:
    """The index as blocks, whose links go to the reports of the format `form`."""
    trained = [entry for entry in entries if entry.kind == "trained"]
    counts = [entry for entry in entries if entry.kind == "counted"]
    lead = (Heading(TITLE, level=1), Paragraph(LEAD, "question"))
    return shown([*lead, *_trained(trained, form), *_counted(counts, form)])


def entry_of(results: Results, derived: Tables, above: Path) -> Entry:
    """`results` as a line of the index of the folder `above`."""
    study = results.plan["study"]
    counts = study["design"] == "count"
    said = counted.answer_sentence(results, derived) if counts else finding(results, derived)
    progress = None if counts else progress_sentence(results)
    return Entry(
        folder=PurePosixPath(results.folder.relative_to(above).as_posix()),
        kind="counted" if counts else "trained",
        question=study["question"],
        answer=f"{progress} {said}" if progress else said,
        seeds=int(derived.variants["n"].min()),
    )


def _report(folder: Path, above: Path, formats: Sequence[str]) -> tuple[Entry, list[str]]:
    results = load_results(folder)
    derived = tables(results)
    write_derived(results, derived, formats)
    entry = entry_of(results, derived, above)
    return entry, [f"{entry.folder}: {problem}" for problem in strict_problems(derived)]


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        visible = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        yield from sorted(path for path in visible if not _leads_back(path))


def _leads_back(path: Path) -> bool:
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def _trained(entries: Sequence[Entry], form: str) -> Iterator[Block]:
    if entries:
        rows = tuple(
            (_link(each, form), each.question, each.answer, Cell(str(each.seeds), each.seeds)) for each in entries
        )
        yield Heading("Trained")
        yield Paragraph(TRAINED_LEAD)
        yield Table(TRAINED, rows, "Studies that train their variants")


def _counted(entries: Sequence[Entry], form: str) -> Iterator[Block]:
    if entries:
        rows = tuple((_link(each, form), each.question, each.answer) for each in entries)
        yield Heading("Counted")
        yield Paragraph(COUNTED_LEAD)
        yield Table(COUNTED, rows, "Studies that count their networks")


def _link(entry: Entry, form: str) -> Cell:
    return Cell(str(entry.folder), link=str(entry.folder / f"report.{form}"))
