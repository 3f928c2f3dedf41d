"""What each variant costs: every number with its interval, ratio and conditions, and how it was measured."""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from ablate.analysis.ratios import BAND
from ablate.cost_sets import PROCESSES, CostGroup
from ablate.measure import cost_metrics
from ablate.measure.series import SAMPLES_FOR
from ablate.records import Results
from ablate.report.costing import costs_of
from ablate.report.derive import Tables
from ablate.report.document import Block, Bullets, Cell, Column, Heading, Notice, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show, show_range, show_ratio

COLUMNS = (
    Column("cost", "left"),
    Column("variant", "left"),
    Column("value [95 %]"),
    Column("ratio to the baseline [95 %]"),
    Column("verdict", "left", "verdict"),
    Column("badges", "left"),
)
CAPTION = "Every cost of every variant, and its ratio to the baseline's"
COUNTS = (
    "Two counters look at the MACs of one image: torch's, from the shapes of the forward pass, and fvcore's, of which "
    "what it counts for convolutions and linear layers is taken. The MACs of a training step are 3 times those of the "
    "forward pass, since every product comes back as two of the same size. Counts and bytes are the same every time; "
    "they have a ratio and no interval."
)
TIMES = (
    "A time, or what is computed from one, is the median over all samples. Its interval is that of the median of the "
    f"rounds, by order statistics; {PROCESSES} processes take turns at them, whose memory is laid out differently, and "
    "the interval holds that of each, so that there is none under 6 rounds of each. Percentiles have no interval and "
    f"no ratio: p90 is given from {SAMPLES_FOR[90]} samples on, p99 from {SAMPLES_FOR[99]}. A ratio is the variant "
    "over the baseline, taken within each round and then the median. It is better or worse when its whole interval "
    f"lies outside 1/{BAND} to {BAND}, equivalent when all of it lies within, else inconclusive. These verdicts are "
    "not corrected for their number."
)


def costs_section(results: Results, tables: Tables) -> list[Block]:
    baselines = set(tables.costs["baseline"]) - {""}
    rows = tuple(_row(row, baselines) for row in tables.costs.to_dict("records"))
    times = [Paragraph(TIMES)] if tables.costs["rounds"].notna().any() else []
    return [
        Heading("Costs"),
        *unmeasured(results),
        Table(COLUMNS, rows, CAPTION).without_empty_columns(),
        *measuring(results),
        Paragraph(COUNTS),
        *times,
    ]


def unmeasured(results: Results) -> list[Block]:
    """A notice that names the metrics which the study asks for and nothing has measured."""
    known = results.cost_group.metrics if results.cost_group else frozenset()
    asked = [metric for metric in cost_metrics(results.plan["study"]["measure"]) if metric not in known]
    if not asked:
        return []
    named = ", ".join(asked)
    return [Notice(f"The costs that the study asks for have not been measured ({named}); running it again does that.")]


def measuring(results: Results) -> list[Block]:
    """Under which conditions costs were measured, what could not be, and what the second counter of MACs leaves out."""
    group = results.cost_group
    if group is None:
        return []
    return [Paragraph(_conditions(group)), *_problems(results), *_uncounted(results)]


def _row(row: Mapping[Any, Any], baselines: Container[str]) -> tuple[str | Cell, ...]:
    column = row["metric"]
    return (
        quantity(column).header,
        f"{row['variant']} (baseline)" if row["variant"] in baselines else row["variant"],
        Cell(_value(row), row["value"]),
        Cell(_ratio(row), row["ratio"]),
        row["verdict"] or ABSENT,
        row["badges"].replace(";", ", "),
    )


def _value(row: Mapping[Any, Any]) -> str:
    column = row["metric"]
    return f"{show(column, row['value'])} {show_range(column, row['value_ci_low'], row['value_ci_high'])}".rstrip()


def _ratio(row: Mapping[Any, Any]) -> str:
    low, high = show_ratio(row["ratio_ci_low"]), show_ratio(row["ratio_ci_high"])
    return show_ratio(row["ratio"]) if low == ABSENT else f"{show_ratio(row['ratio'])} [{low}, {high}]"


def _conditions(group: CostGroup) -> str:
    measured = [
        f"Environment {name}: {_listed(facts)}." for name, facts in zip(group.environments, group.observed, strict=True)
    ]
    return " ".join([f"Costs were measured under: {_listed(group.conditions)}.", *measured])


def _listed(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_words(value)}" for name, value in facts.items())


def _words(value: Any) -> str:
    return " and ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _problems(results: Results) -> Iterator[Block]:
    said = [
        f"{variant}, {quantity(name).header}: {sentence}"
        for variant, own in costs_of(results).measured.items()
        for name, sentence in own.problems.items()
    ]
    if said:
        yield Paragraph("Not measured:")
        yield Bullets(tuple(said))


def _uncounted(results: Results) -> Iterator[Block]:
    """Every operator once, with the variants that have it."""
    measured = costs_of(results).measured
    operators = dict.fromkeys(operator for own in measured.values() for operator in own.uncounted)
    having = {operator: [name for name, own in measured.items() if operator in own.uncounted] for operator in operators}
    told = [f"{operator} ({_variants(names, len(measured))})" for operator, names in sorted(having.items())]
    if told:
        yield Paragraph(f"fvcore knows no count for these operators and leaves them out: {'; '.join(told)}.")


def _variants(names: list[str], all_of_them: int) -> str:
    return "all variants" if len(names) == all_of_them else ", ".join(names)
