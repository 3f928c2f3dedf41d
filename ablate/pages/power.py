"""What the seeds of a study can show, in words."""

from typing import Any

from ablate.analysis.verdicts import FEWEST_PAIRS
from ablate.report.document import Block, Bullets, Paragraph
from ablate.report.numbers import quantity, show


def power_blocks(power: dict[str, Any]) -> list[Block]:
    """The smallest difference that the seeds can show, the seeds that wanted differences need, and by which spread.

    `power` is as `ablate.study.planning.power` gives it.
    """
    told = power["metric"].replace("_", " ")
    spread = power["spread"]
    if spread is None:
        return [
            Paragraph(
                f"Which difference on {told} the seeds can show is unknown until paired trials exist: no spread is "
                "assumed of it."
            )
        ]
    intro = (
        f"Smallest difference on {told} that is found with a power of {100 * power['power']:g} %, at the level of "
        f"Holm's first step ({100 * power['level']:g} % over {_tests(power['family'])}):"
    )
    smallest = Bullets(tuple(_smallest(power["metric"], each, spread) for each in power["smallest_differences"]))
    return [Paragraph(intro), smallest, *_wanted_blocks(power), Paragraph(_spread_sentence(power["metric"], spread))]


def _wanted_blocks(power: dict[str, Any]) -> list[Block]:
    if not power["wanted"]:
        return []
    said = Paragraph("Seeds that it takes to find as much as the study names:")
    return [said, Bullets(tuple(_needed(power, each) for each in power["wanted"]))]


def _smallest(metric: str, smallest: dict[str, Any], spread: dict[str, Any]) -> str:
    unit, seeds = quantity(metric).difference_unit, f"{smallest['seeds']} seeds"
    if smallest["seeds"] < FEWEST_PAIRS:
        return f"{seeds}: none, since a verdict takes {FEWEST_PAIRS} pairs"
    if smallest["difference"] is None:
        return f"{seeds}: unknown, since the differences of half of the tests do not vary"
    largest = f" ({show(metric, smallest['difference_at_largest_spread'])} at the largest spread)"
    return f"{seeds}: {show(metric, smallest['difference'])} {unit}{largest if _differ(spread) else ''}"


def _needed(power: dict[str, Any], wanted: dict[str, Any]) -> str:
    metric, spread = power["metric"], power["spread"]
    median = _seeds(power, wanted["seeds"], spread["median"])
    largest = _seeds(power, wanted["seeds_at_largest_spread"], spread["largest"])
    size = f"{show(metric, wanted['difference'])} {quantity(metric).difference_unit}"
    beside = f" ({largest} at the largest spread)" if _differ(spread) else ""
    return f"{wanted['source']}, {size}: {median}{beside}"


def _seeds(power: dict[str, Any], needed: int | None, spread: float) -> str:
    if spread == 0:
        return "unknown"
    return f"more than {power['most_seeds']:,}" if needed is None else f"{needed:,}"


def _differ(spread: dict[str, Any]) -> bool:
    return bool(spread["median"] != spread["largest"])


def _spread_sentence(metric: str, spread: dict[str, Any]) -> str:
    size = f"{show(metric, spread['median'])} {quantity(metric).difference_unit}"
    if spread["source"] == "measured" or _differ(spread):
        size += f" in the median over the tests, {show(metric, spread['largest'])} at the largest"
    if spread["source"] == "measured":
        return f"By the standard deviation of paired differences as measured over {spread['seeds']} seeds: {size}."
    return (
        f"By an assumed standard deviation of differences: {size}. It takes seeds to move each variant by "
        f"{show(metric, spread['seed_spread'])}, and pairing to gain nothing; from the third pair on the measured one "
        "takes its place."
    )


def _tests(family: int) -> str:
    return "1 test" if family == 1 else f"{family} tests"
