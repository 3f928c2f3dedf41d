"""The answer in a sentence: every verdict with its difference, or the two ends of many."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from ablate.analysis.verdicts import FEWEST_PAIRS, Direction
from ablate.measure import DIRECTIONS
from ablate.records import Results
from ablate.report.budgets import RATIOS, ratio, uneven_budgets
from ablate.report.contrasting import crosses_factors, tested_factors, tested_levels, why_no_contrasts
from ablate.report.costing import EXACT
from ablate.report.derive import Tables
from ablate.report.numbers import quantity, show_difference, show_interval, show_mean
from ablate.schema import MATCH

Row = Mapping[Any, Any]

# A sentence of more clauses than this is read by nobody: it counts them, and names both ends.
MOST_CLAUSES = 6
WORDS: dict[str, str] = {
    "better": "is better than",
    "worse": "is worse than",
    "equivalent": "is equivalent to",
    "inconclusive": "cannot be told from",
}
TALLIED: dict[str | None, tuple[str, str]] = {
    "better": ("is better", "are better"),
    "worse": ("is worse", "are worse"),
    "equivalent": ("is equivalent", "are equivalent"),
    "inconclusive": ("is inconclusive", "are inconclusive"),
    None: ("has no verdict", "have no verdict"),
}
ENDS = ("the highest difference", "the lowest")
MATCHED = {"none": "as they come", "params": "with as many parameters", "macs": "with as many multiply-adds"}


def finding(results: Results, tables: Tables) -> str:
    """Every verdict on the primary metric with its difference, interval and number of pairs, or why there is none."""
    return " ".join(finding_lines(results, tables))


def finding_lines(results: Results, tables: Tables) -> list[str]:
    """`finding`; of more than a few comparisons under several conditions what they are of, and a line for each."""
    primary = results.plan["study"]["primary"]
    rows = tables.contrasts[tables.contrasts["metric"] == primary]
    told = primary.replace("_", " ")
    if rows.empty:
        return [f"Nothing is tested: {why_no_contrasts(results.plan)}.{_means(tables, primary)}"]
    if crosses_factors(results.plan):
        return [f"On {told}, averaged over the other factors: {_clauses(rows.to_dict('records'), _effect_in_words)}."]
    sizes = tables.variants.set_index("variant")[list(EXACT)]
    parts = _under_conditions(results.plan, rows)
    if len(rows) <= MOST_CLAUSES or len(parts) == 1:
        return [f"On {told}: {_clauses(rows.to_dict('records'), _pair_in_words, lambda row: _budgets(sizes, row))}."]
    sides, unit = tested_levels(results.plan), quantity(primary).difference_unit
    against = " and ".join(dict.fromkeys(sides[name] for name in rows["baseline"]))
    told_of = {condition: _listed(own, sizes, sides, DIRECTIONS[primary]) for condition, own in parts.items()}
    return [
        f"On {told}, in {unit} against {against} ({_pairs(rows)}).",
        *(f"{condition[0].upper()}{condition[1:]}: {said}." for condition, said in told_of.items()),
    ]


def _listed(rows: pd.DataFrame, sizes: pd.DataFrame, sides: Mapping[str, str], way: Direction) -> str:
    """The contrasts of one condition, the best first; of many how often each verdict fell, and both ends."""
    ordered = rows.sort_values("difference", ascending=way == "lower").to_dict("records")

    def said(row: Row) -> str:
        numbers = show_difference(row["metric"], row["difference"])
        interval = show_interval(row["metric"], row["ci_low"], row["ci_high"])
        verdict = row["verdict"] or "no verdict"
        told = f"{sides[row['variant']]} {numbers} {interval}, {verdict}"
        return ", with ".join(filter(None, (told, _budgets(sizes, row))))

    if len(ordered) <= MOST_CLAUSES:
        return "; ".join(map(said, ordered))
    return f"of {len(ordered)} comparisons {_tally(ordered)}; {said(ordered[0])}; ...; {said(ordered[-1])}"


def _pairs(rows: pd.DataFrame) -> str:
    least, most = rows["n"].min(), rows["n"].max()
    return f"n = {least}" if least == most else f"n = {least} to {most}"


def _means(tables: Tables, primary: str) -> str:
    """What every variant reached, with a blank before it; empty for very many."""
    if len(tables.variants) > MOST_CLAUSES:
        return ""
    of = tables.variants.to_dict("records")
    means = [
        f"{row['variant']}: "
        f"{show_mean(primary, row[f'{primary}_mean'], row[f'{primary}_ci_low'], row[f'{primary}_ci_high'])}"
        for row in of
    ]
    return f" Reached in {quantity(primary).header}: {', '.join(means)}."


def _under_conditions(plan: dict[str, Any], rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`rows` by the conditions that they hold under, in words."""
    known = {variant["variant"]: variant for variant in plan["variants"]}
    # One that stands under several conditions is compared under that of the other side.
    placed = [
        known[row["baseline"] if "also" in known[row["variant"]] else row["variant"]] for row in rows.to_dict("records")
    ]
    tested = tested_factors(plan)
    conditions = [factor for factor in plan["factors"] if factor["path"] not in tested]
    names = pd.Series([_in_words(conditions, each["levels"]) for each in placed], index=rows.index)
    return {name: rows[names == name] for name in dict.fromkeys(names)}


def _in_words(conditions: Sequence[Mapping[str, str]], levels: Mapping[str, str]) -> str:
    """`with as many parameters`, `at object_size=6`."""
    named = [
        MATCHED[levels[each["path"]]] if each["path"] == MATCH else f"at {each['column']}={levels[each['path']]}"
        for each in conditions
    ]
    return " and ".join(named)


def _budgets(sizes: pd.DataFrame, row: Row) -> str:
    """What else than its baseline the variant of `row` has."""
    own, other = (sizes.loc[name].to_dict() for name in (row["variant"], row["baseline"]))
    return uneven_budgets({column: ratio(own[metric], other[metric]) for metric, column in RATIOS.items()})


def _clauses(
    rows: Sequence[Row], named: Callable[[Row], tuple[str, str]], beyond: Callable[[Row], str] = lambda row: ""
) -> str:
    """A clause a contrast or, of many, how often each verdict fell, and the contrasts at both ends.

    `beyond` says what else than the baseline's a side has, if anything.
    """

    def clause(row: Row) -> str:
        return " with ".join(filter(None, (_clause(row, *named(row)), beyond(row))))

    if len(rows) <= MOST_CLAUSES:
        return "; ".join(map(clause, rows))
    known = [row for row in rows if row["verdict"] is not None]
    ends = [pick(known, key=lambda row: row["difference"]) for pick in (max, min)] if known else []
    told = "".join(f"; {end}: {clause(row)}" for end, row in zip(ENDS, ends, strict=False))
    return f"of {len(rows)} comparisons {_tally(rows)}{told}"


def _tally(rows: Sequence[Row]) -> str:
    """How often each verdict fell."""
    counts = Counter(row["verdict"] for row in rows)
    return ", ".join(f"{counts[each]} {words[counts[each] > 1]}" for each, words in TALLIED.items() if counts[each])


def _pair_in_words(row: Row) -> tuple[str, str]:
    return row["variant"], row["baseline"]


def _effect_in_words(row: Row) -> tuple[str, str]:
    """`segments 4` and `depthwise` for the main effect `segments=4` against `segments=depthwise`; conditions first."""
    conditions, _, effect = row["variant"].rpartition(",")
    factor, _, level = effect.partition("=")
    baseline_level = row["baseline"].rpartition("=")[2]
    return f"at {conditions} {factor} {level}" if conditions else f"{factor} {level}", baseline_level


def _clause(row: Row, variant: str, baseline: str) -> str:
    metric, pairs = row["metric"], f"n = {row['n']}"
    if row["verdict"] is None:
        return f"{variant} against {baseline} has no verdict ({pairs}, {FEWEST_PAIRS} are needed)"
    numbers = f"{show_difference(metric, row['difference'])} {quantity(metric).difference_unit}"
    interval = show_interval(metric, row["ci_low"], row["ci_high"])
    return f"{variant} {WORDS[row['verdict']]} {baseline} ({numbers} {interval}, {pairs})"
