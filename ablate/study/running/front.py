"""Which of the combinations that a search tried run again over all seeds. Free of Optuna and torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.analysis.dominance import mean_of_repeats, unbeaten
from ablate.measure import Direction


@dataclass(frozen=True)
class Worth:
    """A combination that came to an end: its number, its levels, and its value in every objective."""

    number: int
    levels: Mapping[str, str]
    values: Sequence[float]


def front_of(tried: Sequence[Worth], directions: Sequence[Direction], most: int) -> list[int]:
    """The numbers of at most `most` combinations that no other is as good as in all objectives, and better in one.

    The best in the first objective comes first, the one at the other end of the front last, and those between them are
    as many places apart as can be. A combination that was tried more than once stands there once, as the first of its
    trials, with their mean in every objective: the luckiest of them would be too good.
    """
    names = [tuple(each.levels.items()) for each in tried]
    means = mean_of_repeats(names, [each.values for each in tried])
    if not means:
        return []
    losses = np.array(list(means.values())) * [-1 if direction == "higher" else 1 for direction in directions]
    numbers = np.array([tried[names.index(name)].number for name in means])
    kept = np.flatnonzero(unbeaten(losses))
    ordered = numbers[kept[np.lexsort((numbers[kept], losses[kept, 0]))]]
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [int(ordered[place]) for place in places]
