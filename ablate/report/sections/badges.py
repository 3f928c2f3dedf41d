"""What each badge that occurs means, and the rows it touches."""

from collections.abc import Iterator

from ablate.records import Results
from ablate.report.badges import BADGES
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, Heading, Table
from ablate.report.numbers import quantity

COLUMNS = (Column("badge", "left"), Column("means", "left"), Column("rows", "left"))
CAPTION = "What each badge means, and the rows it weakens"


def badges_section(results: Results, tables: Tables) -> list[Block]:
    found: dict[str, list[str]] = {}
    for name, row in badged_rows(tables):
        found.setdefault(name, []).append(row)
    if not found:
        return []
    rows = tuple((name, meaning, "; ".join(found[name])) for name, meaning in BADGES.items() if name in found)
    return [Heading("Badges"), Table(COLUMNS, rows, CAPTION)]


def badged_rows(tables: Tables) -> Iterator[tuple[str, str]]:
    """(badge, the row it touches, in words) over variants, contrasts, costs and claims."""
    for row in tables.variants.to_dict("records"):
        yield from ((name, f"variant {row['variant']}") for name in _names(row["badges"]))
    for row in tables.contrasts.to_dict("records"):
        label = f"{row['variant']} against {row['baseline']} on {row['metric'].replace('_', ' ')}"
        yield from ((name, label) for name in _names(row["badges"]))
    yield from _of_costs(tables)
    for row in tables.claims.to_dict("records"):
        yield from ((name, f"claim {row['id']}") for name in _names(row["badges"]))


def _of_costs(tables: Tables) -> Iterator[tuple[str, str]]:
    """A cost once, with the variants whose own is touched."""
    touched: dict[tuple[str, str], list[str]] = {}
    for row in tables.costs.to_dict("records"):
        for name in _names(row["badges"]):
            touched.setdefault((name, row["metric"]), []).append(row["variant"])
    for (name, metric), variants in touched.items():
        whose = "all variants" if len(variants) == len(tables.variants) > 1 else ", ".join(variants)
        yield name, f"{quantity(metric).header} of {whose}"


def _names(cell: str) -> list[str]:
    return cell.split(";") if cell else []
