"""The tables of variants and contrasts of two results folders."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ablate.comparison import Comparison
from ablate.report.document import Block, Bullets, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show_difference, show_interval, show_mean, show_p

Row = Mapping[Any, Any]
Field = tuple[Column, Callable[[Row], str]]

DIFFERENCES = (
    "Differences are B minus A, paired over the seeds that both planned, with their 95 % interval; means are over all "
    "seeds of a side. Accuracies are in per cent, their differences in percentage points. Verdicts are about {primary} "
    "alone, after Holm's correction over the variants."
)
CHANGES = (
    "A contrast is a variant minus its baseline, as A tests it, with the verdict of either study; the last difference "
    "is B's contrast minus A's, seed by seed, corrected by Holm over the contrasts."
)


def variant_tables(comparison: Comparison) -> list[Block]:
    """Every variant on the primary metric, then on the others."""
    rows = comparison.variants.to_dict("records")
    remarks = [f"{variant_name(row)}: {row['remark']}" for row in rows if row["remark"]]
    return [
        Heading("Variants"),
        *_tables(comparison.primary, rows, VARIANT, VARIANT_VERDICT),
        *_bullets(remarks),
        Paragraph(DIFFERENCES.format(primary=comparison.primary)),
    ]


def contrast_tables(comparison: Comparison) -> list[Block]:
    """Every contrast on the primary metric, then on the others; nothing where A has none."""
    rows = comparison.contrasts.to_dict("records")
    if not rows:
        return []
    remarks = [f"{_contrast(row)}: {row['remark']}" for row in rows if row["remark"]]
    tables = _tables(comparison.primary, rows, CONTRAST, CONTRAST_VERDICT)
    return [Heading("Contrasts"), *tables, *_bullets(remarks), Paragraph(CHANGES)]


def variant_name(row: Row) -> str:
    """A's name of a variant, with B's where that is another."""
    return row["variant"] if row["variant"] == row["variant_b"] else f"{row['variant']} ({row['variant_b']} in B)"


def trials_of(row: Row) -> str:
    """How many trials stand behind a difference: `5`, `5 of 5 and 8` where sides have more, `5 and 8, unpaired`."""
    sides = f"{row['n_a']} and {row['n_b']}"
    if row["pairing"] == "unpaired":
        return f"{sides}, unpaired"
    return str(row["n"]) if row["n"] == row["n_a"] == row["n_b"] else f"{row['n']} of {sides}"


def _tables(primary: str, rows: Sequence[Row], fields: Sequence[Field], verdicts: Sequence[Field]) -> list[Table]:
    tested = [row for row in rows if row["metric"] == primary]
    described = [row for row in rows if row["metric"] != primary]
    first, *rest = fields
    metric: Field = (Column("metric", "left"), lambda row: quantity(row["metric"]).header)
    tables = [_table([first, metric, *rest, *verdicts, BADGES], tested)]
    return [*tables, *([_table([first, metric, *rest, BADGES], described)] if described else [])]


def _table(fields: Sequence[Field], rows: Sequence[Row]) -> Table:
    cells = tuple(tuple(cell(row) for _, cell in fields) for row in rows)
    return Table(tuple(column for column, _ in fields), cells).without_empty_columns()


def _bullets(remarks: Sequence[str]) -> list[Block]:
    return [Bullets(tuple(dict.fromkeys(remarks)))] if remarks else []


def _mean(row: Row, side: str) -> str:
    return show_mean(row["metric"], row[f"mean_{side}"], row[f"ci_low_{side}"], row[f"ci_high_{side}"])


def _difference(row: Row, side: str = "") -> str:
    """`+1.23 [+0.45, +2.01]` from the columns that end in `side`."""
    metric, difference = row["metric"], show_difference(row["metric"], row[f"difference{side}"])
    interval = show_interval(metric, row[f"ci_low{side}"], row[f"ci_high{side}"])
    return difference if interval == ABSENT else f"{difference} {interval}"


def _repeated(row: Row) -> str:
    """How many trials came out the same, of those with one key."""
    if not row["seeds"]:
        return "no seed in common"
    unfinished = f", {row['unfinished']} unfinished" if row["unfinished"] else ""
    equal = f"{row['bit_equal']} of {row['same_key']} bit-equal" if row["same_key"] else "no key in common"
    return f"{equal}{unfinished}"


def _contrast(row: Row) -> str:
    return f"{row['variant']} - {row['baseline']}"


BADGES: Field = (Column("badges", "left"), lambda row: row["badges"].replace(";", ", "))
VARIANT: tuple[Field, ...] = (
    (Column("variant", "left"), variant_name),
    (Column("A"), lambda row: _mean(row, "a")),
    (Column("B"), lambda row: _mean(row, "b")),
    (Column("n"), trials_of),
    (Column("B - A [95 %]"), _difference),
    (Column("p"), lambda row: show_p(row["p_value"])),
    (Column("p, sign flips"), lambda row: show_p(row["p_sign_flip"])),
)
VARIANT_VERDICT: tuple[Field, ...] = (
    (Column("p, Holm"), lambda row: show_p(row["p_adjusted"])),
    (Column("verdict", "left"), lambda row: row["verdict"] or ABSENT),
    (Column("trials", "left"), _repeated),
)
CONTRAST: tuple[Field, ...] = (
    (Column("contrast", "left"), _contrast),
    (Column("A [95 %]"), lambda row: _difference(row, "_a")),
    (Column("B [95 %]"), lambda row: _difference(row, "_b")),
    (Column("n"), trials_of),
    (Column("B - A [95 %]"), _difference),
    (Column("p"), lambda row: show_p(row["p_value"])),
    (Column("p, sign flips"), lambda row: show_p(row["p_sign_flip"])),
)
CONTRAST_VERDICT: tuple[Field, ...] = (
    (Column("p, Holm"), lambda row: show_p(row["p_adjusted"])),
    (Column("change", "left"), lambda row: row["verdict"] or ABSENT),
    (Column("verdict, A", "left"), lambda row: row["verdict_a"] or ABSENT),
    (Column("verdict, B", "left"), lambda row: row["verdict_b"] or ABSENT),
)
