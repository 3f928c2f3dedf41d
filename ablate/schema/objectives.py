"""What a search can go by, one row an objective."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ObjectiveName = Literal["accuracy", "test_loss", "params", "macs", "latency"]
Source = Literal["scored", "counted", "timed"]


@dataclass(frozen=True)
class Objective:
    """`column` names its value in a trial of plan.json and in search.csv, `direction` says which way is better.

    `source`: `scored` on the images held out, `counted` of the network, or `timed`, its median latency over that of
    the baseline's network beside it. `header` heads the column in a report.
    """

    column: str
    direction: Literal["higher", "lower"]
    source: Source
    header: str


OBJECTIVES: Mapping[str, Objective] = {
    "accuracy": Objective("accuracy", "higher", "scored", "validation accuracy in the search (%)"),
    "test_loss": Objective("test_loss", "lower", "scored", "validation loss in the search (nats)"),
    "params": Objective("params", "lower", "counted", "parameters"),
    "macs": Objective("macs", "lower", "counted", "MACs, torch (multiply-adds)"),
    "latency": Objective("latency_ratio", "lower", "timed", "latency in the search (x baseline's)"),
}


def value_of(objective: str) -> str:
    """What a trial's values call an objective."""
    return OBJECTIVES[objective].column


def searched_values(metrics: Mapping[str, float | None], timed: Mapping[str, float] | None) -> dict[str, float | None]:
    """Column -> value of what a search can go by in a record, from its `metrics` and, where it has that, its `timed`.

    Counts are of the network, and so in no record.
    """
    scored = [each.column for each in OBJECTIVES.values() if each.source == "scored"]
    scores = {column: metrics[column] for column in scored}
    if timed is None:
        return scores
    return {**scores, value_of("latency"): timed["latency_ms"] / timed["baseline_latency_ms"]}
