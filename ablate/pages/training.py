"""How fast a study's networks train on this machine, and how long whole studies take."""

from typing import Any

from ablate.report.document import Block, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, show

SCRIPT = "the script (fp32, all cores) counts in its better layout."
NO_SCRIPT = "no hand-written script was measured."
RATIO_NAMES = {"bare": "to bare steps", "script": "to the script"}


def training_blocks(training: dict[str, Any]) -> list[Block]:
    """Images a second of every variant in every way, the harness's loop against others, its share of the ceiling."""
    variants = training["variants"]
    ways = list(dict.fromkeys(way for each in variants for way in each["ways"]))
    columns = (Column("images/s", "left"), *(Column(each["variant"]) for each in variants), Column("geometric mean"))
    rows = [(way, *(_pace(each, way) for each in variants), "") for way in ways]
    rows += [
        (f"harness {words}", *(_ratio(each["ratios"], name) for each in (*variants, training)))
        for name, words in RATIO_NAMES.items()
    ]
    rows += [("of matrix products (%)", *(f"{100 * each['matrix_share']:.0f}" for each in variants), "")]
    scripted = any("script" in each["ratios"] for each in variants)
    words = (
        "Medians of rounds in which every way trains in turn; ratios within rounds, with 95 % intervals. Bare steps "
        f"and the harness's loop run as a study does, {training['split']} workers x threads, unless stated otherwise; "
        f"{SCRIPT if scripted else NO_SCRIPT}"
    )
    problems = [
        Paragraph(f"{each['variant']}, {way}: {cause}.") for each in variants for way, cause in each["problems"].items()
    ]
    return [Heading("Training", 2), Table(columns, tuple(rows)), Paragraph(words), *problems]


def studies_blocks(studies: dict[str, Any]) -> list[Block]:
    """One row a whole study."""
    names = ("workers", "trials", "wall (s)", "training (s)", "scoring (s)", "overhead (%)")
    rows = tuple(
        (
            str(each["workers"]),
            str(each["trials"]),
            f"{each['wall_seconds']:.1f}",
            f"{each['training_seconds']:.1f}",
            f"{each['trials'] * each['scoring_seconds']:.1f}",
            f"{100 * each['overhead_share']:.1f}",
        )
        for each in studies["runs"]
    )
    words = (
        f"Trials of {studies['steps']} steps. Training and scoring are summed over workers; overhead is what of the "
        f"wall time a worker spends on neither. Trials an hour of several workers over those of one with all threads: "
        f"{show('', studies['ratio']['median'])}."
    )
    return [Heading("Whole studies", 2), Table(tuple(map(Column, names)), rows), Paragraph(words)]


def _pace(variant: dict[str, Any], way: str) -> str:
    return show("", variant["ways"][way]["images_per_second"]) if way in variant["ways"] else ABSENT


def _ratio(ratios: dict[str, Any], name: str) -> str:
    if name not in ratios:
        return ABSENT
    found = ratios[name]
    if found["low"] is None:
        return show("", found["median"])
    return f"{found['median']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
