"""What a search tried: every trial as a table, and what each combination came to over its trials."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.dominance import mean_of_repeats, unbeaten
from ablate.records import canonical
from ablate.schema import OBJECTIVES, value_of

VALUES = tuple(each.column for each in OBJECTIVES.values())


def search_table(plan: Mapping[str, Any]) -> pd.DataFrame:
    """One row a trial, in the order in which combinations were proposed, for `search.csv`.

    `trial`, counted from 0; a column a factor; `state`; of those that were trained the validation scores, and whether
    their combination is on the `front` that runs over all seeds. `latency_ratio`, there where the search asks for
    latency, is in that of the baseline, which was timed beside it.
    """
    searched = plan["searched"]
    values = [name for name in VALUES if any(name in trial["values"] for trial in searched["trials"])]
    rows = [
        {
            "trial": number,
            **trial["levels"],
            "state": trial["state"],
            **{name: trial["values"][name] for name in values if name in trial["values"]},
            "front": trial["front"],
        }
        for number, trial in enumerate(searched["trials"])
    ]
    columns = ["trial", *(factor["column"] for factor in plan["factors"]), "state", *values, "front"]
    return pd.DataFrame(rows, columns=columns)


def objectives_reached(plan: Mapping[str, Any]) -> dict[bytes, dict[str, float]]:
    """What every combination that came to an end was worth: its levels as canonical JSON -> objective -> value.

    The value of one that was tried several times is the mean over its trials.
    """
    objectives = plan["study"]["search"]["objectives"]
    whole = [trial for trial in plan["searched"]["trials"] if trial["state"] == "complete"]
    values = [[trial["values"][value_of(name)] for name in objectives] for trial in whole]
    means = mean_of_repeats([canonical(trial["levels"]) for trial in whole], values)
    return {levels: dict(zip(objectives, own, strict=True)) for levels, own in means.items()}


def unbeaten_combinations(plan: Mapping[str, Any]) -> list[bytes]:
    """Levels, as canonical JSON, of the combinations that no other is as good as in every objective, and better in one.

    They are those that the search takes its front from.
    """
    signs = [-1 if OBJECTIVES[name].direction == "higher" else 1 for name in plan["study"]["search"]["objectives"]]
    reached = objectives_reached(plan)
    losses = np.array([list(own.values()) for own in reached.values()], dtype=np.float64) * signs
    return [levels for levels, on_front in zip(reached, unbeaten(losses), strict=True) if on_front]
