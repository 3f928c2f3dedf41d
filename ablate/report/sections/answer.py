"""The question, the answer in a sentence, and the conditions it was found under."""

from collections.abc import Mapping
from typing import Any

from ablate.analysis.verdicts import FEWEST_PAIRS
from ablate.records import Results
from ablate.report.contrasting import baseline_contrasts, crosses_factors, varied_fields, why_no_contrasts
from ablate.report.derive import Tables
from ablate.report.document import Block, Column, Heading, Notice, Paragraph, Table
from ablate.report.numbers import quantity, show_difference, show_interval
from ablate.report.sections.progress import progress_sentence

WORDS: dict[str, str] = {
    "better": "is better than",
    "worse": "is worse than",
    "equivalent": "is equivalent to",
    "inconclusive": "cannot be told from",
}
AVERAGED = (
    "Intervals are 95 %, n counts seeds that have every combination. An average need not hold at each combination; "
    "those have an interval and no verdict."
)


def answer(results: Results, tables: Tables) -> list[Block]:
    study = results.plan["study"]
    progress = progress_sentence(results)
    return [
        Heading(study["name"], level=1),
        *([Notice(progress)] if progress else []),
        *_rebased(results, tables),
        *([Paragraph(study["question"])] if study["question"] else []),
        Paragraph(answer_sentence(results, tables)),
        conditions(results),
    ]


def answer_sentence(results: Results, tables: Tables) -> str:
    """Every verdict on the primary metric with its difference, interval and number of pairs, or why there is none."""
    primary = results.plan["study"]["primary"]
    rows = tables.contrasts[tables.contrasts["metric"] == primary].to_dict("records")
    if not rows:
        return f"Nothing is tested: {why_no_contrasts(results.plan)}."
    told = primary.replace("_", " ")
    if crosses_factors(results.plan):
        clauses = "; ".join(_clause(row, *_effect_in_words(row)) for row in rows)
        return f"On {told}, averaged over the other factors: {clauses}. {AVERAGED}"
    clauses = "; ".join(_clause(row, row["variant"], row["baseline"]) for row in rows)
    return f"On {told}: {clauses}. Intervals are 95 %, n counts seed pairs."


def conditions(results: Results) -> Table:
    """What the answer holds for: data, recipe, seeds, machine."""
    variants = results.plan["variants"]
    rows = {
        "varied": "; ".join(_factor(name, levels) for name, levels in results.plan["study"]["factors"].items()),
        "model": _listed(_base_model(results.plan)),
        "data": _listed(_common([variant["data"] for variant in variants])),
        "training": _listed(_common([{**variant["train"], "steps": variant["steps"]} for variant in variants])),
        "seeds": _seeds(variants),
        "machine": "; ".join(machines(results)) or "none yet",
    }
    return Table((Column("condition", "left"), Column("value", "left")), tuple(rows.items()))


def _rebased(results: Results, tables: Tables) -> list[Block]:
    """A notice where the comparison is with another variant, or other levels, than the study's own baseline."""
    used = list(dict.fromkeys(tables.contrasts["baseline"]))
    if used == list(dict.fromkeys(contrast.baseline for contrast in baseline_contrasts(results.plan))):
        return []
    return [Notice(f"Compared with {' and '.join(used)}; the study's own baseline is {results.plan['baseline']}.")]


def _factor(name: str, levels: Any) -> str:
    """A factor with its levels as the study file has them, and with what a named level sets."""
    if isinstance(levels, list):
        return f"{name}: {', '.join(str(level) for level in levels)}"
    named = [
        f"{level} ({', '.join(f'{path} {value}' for path, value in sets.items())})" for level, sets in levels.items()
    ]
    return f"{name}: {', '.join(named)}"


def machines(results: Results) -> list[str]:
    """The machines that trained, each once, described by what their environment says of them."""
    used = [name for name in dict.fromkeys(results.trials["environment"]) if name != ""]
    described = [_listed(_plain_values(results.environments[name]["machine"])) for name in used]
    return list(dict.fromkeys(described))


def _effect_in_words(row: Mapping[Any, Any]) -> tuple[str, str]:
    """`segments 4` and `depthwise` for the main effect `segments=4` against `segments=depthwise`; conditions first."""
    conditions, _, effect = row["variant"].rpartition(",")
    factor, _, level = effect.partition("=")
    baseline_level = row["baseline"].rpartition("=")[2]
    return f"at {conditions} {factor} {level}" if conditions else f"{factor} {level}", baseline_level


def _clause(row: Mapping[Any, Any], variant: str, baseline: str) -> str:
    metric, pairs = row["metric"], f"n = {row['n']}"
    if row["verdict"] is None:
        return f"{variant} against {baseline} has no verdict ({pairs}, {FEWEST_PAIRS} are needed)"
    numbers = f"{show_difference(metric, row['difference'])} {quantity(metric).difference_unit}"
    interval = show_interval(metric, row["ci_low"], row["ci_high"])
    return f"{variant} {WORDS[row['verdict']]} {baseline} ({numbers} {interval}, {pairs})"


def _seeds(variants: list[dict[str, Any]]) -> str:
    seeds = sorted({int(seed) for variant in variants for seed in variant["keys"]})
    return f"{len(seeds)} a variant, paired: {', '.join(map(str, seeds))}"


def _base_model(plan: dict[str, Any]) -> dict[str, Any]:
    """What the study states of the network, without what a factor varies."""
    varied = {field for factor in plan["factors"] for field in varied_fields(plan, factor["path"])}
    stated = _plain_values(plan["study"]["model"])
    return {key: value for key, value in stated.items() if f"model.{key}" not in varied}


def _common(settings: list[dict[str, Any]]) -> dict[str, Any]:
    """What all variants have alike: a field that differs is a factor, not a condition."""
    first = _plain_values(settings[0])
    return {key: value for key, value in first.items() if all(key in own and own[key] == value for own in settings)}


def _plain_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if isinstance(value, str | int | float)}


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in settings.items())


def _plain(value: Any) -> str:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_count else str(value)
