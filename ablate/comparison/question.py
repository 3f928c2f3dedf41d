"""What is asked of both folders: A's question."""

from dataclasses import dataclass

from ablate.analysis.verdicts import Direction
from ablate.errors import ResultsError
from ablate.measure import DIRECTIONS
from ablate.records import TRIAL_METRICS, Results
from ablate.report.derive import DESCRIBED


@dataclass(frozen=True)
class Question:
    """`metrics`: the primary one first. `direction`: which way is better on it. `margin`: the difference on it that
    does not matter, if the study states one."""

    metrics: tuple[str, ...]
    direction: Direction
    margin: float | None

    @property
    def primary(self) -> str:
        return self.metrics[0]


def question_of(a: Results, b: Results) -> Question:
    """Raises `ResultsError` for a study that only counts, and for a primary metric that trials do not have."""
    for results in (a, b):
        if results.plan["study"]["design"] == "count":
            raise ResultsError(
                f"{results.folder}: this study only counts its networks, and has no trials to compare; compare its "
                "counts, in variants.csv and claims.csv"
            )
    primary, margins = a.plan["study"]["primary"], a.plan["study"]["margin"]
    if primary not in TRIAL_METRICS:
        raise ResultsError(
            f"{a.folder / 'plan.json'}: primary metric {primary!r} has no value a trial; "
            f"choices: {', '.join(TRIAL_METRICS)}"
        )
    return Question(tuple(dict.fromkeys([primary, *DESCRIBED])), DIRECTIONS[primary], margins.get(primary))
