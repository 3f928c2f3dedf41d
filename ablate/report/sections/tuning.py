"""How every variant was tuned: what it chose, what that gained, how its trials ended."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ablate.records import Results
from ablate.report.budgets import GAIN, tuned_columns
from ablate.report.derive import Tables
from ablate.report.document import Block, Cell, Column, Heading, Paragraph, Table
from ablate.report.numbers import ABSENT, quantity, show, show_difference

CAPTION = "What every variant chose on the images held out for tuning"
METHOD = (
    "Every variant tuned for itself before its final trials, each with the same number of trials: the first with the "
    "recipe as stated where the ranges allow it, the next at random, the others where the tree-structured Parzen "
    "estimator of Optuna sends them. They trained on the training split less the images held out, and were scored on "
    "those; a trial whose lowest validation loss lay above the median of those before it was stopped. The score of "
    "the best of several noisy trials is too good: the gain says what tuning saw, and the final trials, which train "
    "anew on the whole training split with other seeds, say what is left of it."
)


def tuning_section(results: Results, tables: Tables) -> list[Block]:
    """Empty where no variant has been tuned."""
    tuned = [variant for variant in results.plan["variants"] if "tuned" in variant]
    if not tuned:
        return []
    metric = results.plan["study"]["primary"]
    paths = list(dict.fromkeys(path for variant in tuned for path in variant["tuned"]["values"]))
    columns = (
        Column("variant", "left"),
        *(Column(path) for path in paths),
        Column(f"validation {quantity(metric).header}"),
        Column(f"gain over the recipe as stated ({quantity(metric).difference_unit})"),
        Column("trials", "left"),
    )
    rows = tuple(
        (
            variant["variant"],
            *(_chosen_value(variant["tuned"]["values"], path) for path in paths),
            Cell(show(metric, variant["tuned"]["score"]), variant["tuned"]["score"]),
            _gain_cell(metric, tuned_columns(variant, metric)[GAIN]),
            _states_of_trials(variant["tuned"]),
        )
        for variant in tuned
    )
    method = METHOD + _variants_as_stated(results)
    return [Heading("Tuning"), Table(columns, rows, CAPTION, name="tuning"), Paragraph(method)]


def _variants_as_stated(results: Results) -> str:
    """A sentence, with a blank before it, that names the variants without a use for any field that was tuned."""
    stated = [each["variant"] for each in results.plan["variants"] if "tuned" not in each and "awaits" not in each]
    if not stated:
        return ""
    verb = "has" if len(stated) == 1 else "have"
    return f" {', '.join(stated)} {verb} no use for what was tuned, and trained as stated."


def _chosen_value(values: Mapping[str, float], path: str) -> Cell:
    """The value that a variant chose for a field, absent where it has no use for the field."""
    return Cell(f"{values[path]:g}", values[path]) if path in values else Cell(ABSENT, math.nan)


def _gain_cell(metric: str, gain: float) -> Cell:
    """What tuning gained on the images held out, absent where the recipe as stated was not tried."""
    return Cell(ABSENT if math.isnan(gain) else show_difference(metric, gain), gain)


def _states_of_trials(tuned: Mapping[str, Any]) -> str:
    """`12 complete, 4 pruned`: how many trials of a variant's tuning ended how."""
    counted = Counter(tuned["states"])
    return ", ".join(f"{count} {state}" for state, count in counted.items())
