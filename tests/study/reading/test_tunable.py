"""Seeds of final trials, beside those of the trials of tuning and search."""

from pathlib import Path

import pytest

from ablate.errors import StudyError
from ablate.study.reading.load import load_study

TUNE = "tune={fields: {train.lr: {low: 0.01, high: 1}}}"
SEARCH = ("design=search", "search={trials: 4}")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            (TUNE, "seeds=[10000, 10001]"),
            "seeds: the seed 10001 is one of those from 10000 on that trials of tune have",
        ),
        (
            (*SEARCH, "seeds=[3, 10000]"),
            "seeds: the seed 10000 is one of those from 10000 on that trials of search have",
        ),
        (
            (TUNE, "train.seed_offset=9999"),
            "seeds: the seed 1 is trained with 10000, by train.seed_offset, which is one of those from 10000 on that",
        ),
        (
            (TUNE, "factors={train.seed_offset: [0, 9999]}", "baseline={train.seed_offset: 0}"),
            "the seed 1 is trained with 10000, by train.seed_offset, which is one of .* trials of tune have",
        ),
        (
            (TUNE, "seeds={start: 3, at_most: 10000, until: 0.1}", "train.seed_offset=1"),
            "the seed 9999 is trained with 10000, by train.seed_offset",
        ),
    ],
)
def test_the_two_are_kept_apart(toy_study: Path, overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        load_study(toy_study, overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ("seeds=[10000, 10001]",),
        (TUNE, "seeds=[0, 9999]"),
        (*SEARCH, "train.seed_offset=9998"),
        (TUNE, "seeds={start: 3, at_most: 10000, until: 0.1}"),
        (TUNE, "factors={train.seed_offset: [0, 9998]}", "baseline={train.seed_offset: 0}"),
    ],
)
def test_lower_ones_and_those_of_other_studies_are_fine(toy_study: Path, overrides: tuple[str, ...]) -> None:
    load_study(toy_study, overrides)
