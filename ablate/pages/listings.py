"""What can be named in a study file, and what each name means."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ablate.data import DATASETS
from ablate.errors import StudyError
from ablate.measure import METRICS
from ablate.models import PRESETS
from ablate.models.quantities import QUANTITIES, Scope
from ablate.models.resolve import PACKAGES
from ablate.report.document import Block, Column, Heading, Paragraph, Table
from ablate.schema import SECTIONS
from ablate.study.reading.load import question_of
from ablate.train.recipes import RECIPES

STUDY_FOLDER = Path("studies")


def _models() -> list[tuple[str, str]]:
    ours = [(name, preset.summary) for name, preset in PRESETS.items()]
    return [
        *ours,
        *PACKAGES.items(),
        ("builder: PATH.py:FUNCTION", "a network of your own; its arguments are the fields"),
    ]


def _recipes() -> list[tuple[str, str]]:
    return [(name, recipe.summary) for name, recipe in RECIPES.items()]


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
    return [block for kind in kinds for block in (Heading(kind), _listing(kind))]


def _listing(kind: str) -> Block:
    rows = tuple(LISTINGS[kind]())
    if kind == "studies" and not rows:
        missing = "has no .yaml file" if STUDY_FOLDER.is_dir() else "is not there"
        return Paragraph(f"none: {STUDY_FOLDER}/ in the current folder, {Path.cwd()}, {missing}")
    return Table((Column("name", "left"), Column("what it is", "left")), rows)
