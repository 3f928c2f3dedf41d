"""What else a variant changes than what its name says: its fields, its size, its work."""

from collections.abc import Iterator, Mapping
from typing import Any

from ablate.records import Results
from ablate.report.budgets import EVEN, RATIOS, ratio, times
from ablate.report.contrasting import cost_baselines
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table

CAPTION = "What every variant changes at once, set against its baseline"
METHOD = (
    "A difference in accuracy belongs to everything in a row together. A network with more parameters, or that does "
    "more multiply-adds, is often the more accurate one whatever they are spent on; variants matched on one of them "
    "show what is left of a difference without it."
)
HEADERS = ("parameters", "multiply-adds", "multiply-adds of training")
TRAINING = "total_training_macs"
SECTIONS = ("model", "data", "train")
# These follow from other fields.
DERIVED_FIELDS = ("train_images", "test_images", "digest")


def changes_section(results: Results, tables: Tables) -> list[Block]:
    """Empty where every variant changes one field, and neither its size nor its work."""
    known = {variant["variant"]: variant for variant in results.plan["variants"]}
    against = cost_baselines(results.plan, tables.baseline)
    budgets = {row["variant"]: row for row in tables.variants.to_dict("records")}
    changed = {name: list(_field_changes(known[name], known[baseline])) for name, baseline in against.items()}
    ratios = {name: _size_ratios(budgets[name], budgets[baseline]) for name, baseline in against.items()}
    if all(abs(each - 1) <= EVEN for own in ratios.values() for each in own) and all(
        len(fields) <= 1 for fields in changed.values()
    ):
        return []
    columns = (Column("variant", "left"), Column("fields", "left"), *(Column(header) for header in HEADERS))
    rows = tuple(_variant_row(name, changed[name], own) for name, own in ratios.items())
    return [Heading("What else changes"), Table(columns, rows, CAPTION), Paragraph(METHOD)]


def _variant_row(name: str, fields: list[str], ratios: list[float]) -> tuple[str | Cell, ...]:
    """A variant, the fields that it changes, and what it has in that of its baseline, under HEADERS."""
    return (name, "; ".join(fields), *(Cell(times(each), each) for each in ratios))


def _size_ratios(row: Mapping[Any, Any], baseline: Mapping[Any, Any]) -> list[float]:
    """Parameters, multiply-adds and those of all training steps of a row of `variants.csv` over its baseline's."""
    return [*(float(row[column]) for column in RATIOS.values()), ratio(row[TRAINING], baseline[TRAINING])]


def _field_changes(variant: Mapping[str, Any], baseline: Mapping[str, Any]) -> Iterator[str]:
    """`downsample strided -> spd` for every field that the two have differently, or that one of them has alone."""
    for section in SECTIONS:
        before, after = baseline[section], variant[section]
        for field in dict.fromkeys([*before, *after]):
            was, has = _field_in_words(before, field), _field_in_words(after, field)
            if field not in DERIVED_FIELDS and was != has:
                yield f"{field.replace('_', ' ')} {was} \N{RIGHTWARDS ARROW} {has}"


def _field_in_words(section: Mapping[str, Any], field: str) -> str:
    """The value of a field of `model`, `data` or `train`, `none` where the section does not have it."""
    return str(section[field]) if field in section else "none"
