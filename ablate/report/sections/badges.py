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
    for row in tables.costs.to_dict("records"):
        yield from ((name, f"{quantity(row['metric']).header} of {row['variant']}") for name in _names(row["badges"]))
    for row in tables.claims.to_dict("records"):
        yield from ((name, f"claim {row['id']}") for name in _names(row["badges"]))


def _names(cell: str) -> list[str]:
    return cell.split(";") if cell else []
