"""What a search tried, as a table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

VALUES = ("accuracy", "test_loss", "params", "macs", "latency_ratio")


def search_table(plan: Mapping[str, Any]) -> pd.DataFrame:
    """One row a combination, in the order in which they were proposed, for `search.csv`.

    `trial`, counted from 0; a column a factor; `state`; of those that were trained the validation scores, and whether
    they are on the `front` that runs over all seeds. `latency_ratio`, there where the search asks for latency, is in
    that of the baseline, which was timed beside it.
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
