"""All studies below a folder, as one set of tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ablate import records
from ablate.errors import AblateError, ResultsError
from ablate.records import Results
from ablate.report.derive import FILES, Tables, tables
from ablate.report.index import study_folders
from ablate.report.sections.progress import trial_counts


@dataclass(frozen=True)
class Studies:
    """Every study below `folder`, finished or not.

    `studies` has one row a study: `study`, the path below `folder` by which the other tables know it; `name`,
    `question`, `design`; `path`, its results folder; `planned` and `finished`, trials. The others are the tables of the
    results folders one below another, each row led by `study`, with the columns of the CSV files of the same names; a
    column that only some studies have, such as a factor's, is empty for the rest.
    """

    folder: Path
    studies: pd.DataFrame
    trials: pd.DataFrame
    variants: pd.DataFrame
    contrasts: pd.DataFrame
    costs: pd.DataFrame
    claims: pd.DataFrame
    curves: pd.DataFrame


def load_results(folder: Path | str) -> Results | Studies:
    """A study's results folder as `Results`, a folder that has such folders in it, at any depth, as `Studies`.

    Studies may be unfinished. Raises `ResultsError` for a folder without any study, and for one that cannot be read.
    """
    folder = Path(folder)
    found = study_folders(folder) if folder.is_dir() else [folder]
    if found == [folder]:
        return records.load_results(folder)
    if not found:
        raise ResultsError(
            f"{folder}: holds no study, neither it nor a folder in it has a plan.json; name one that `ablate run` wrote"
        )
    return _collected(folder, [records.load_results(each) for each in found])


def _collected(folder: Path, studies: Sequence[Results]) -> Studies:
    names = [each.folder.relative_to(folder).as_posix() for each in studies]
    derived = [_tables(each) for each in studies]
    stacked = {name: _stacked(names, [getattr(own, name) for own in derived]) for name in FILES}
    rows = [_summary(name, each) for name, each in zip(names, studies, strict=True)]
    return Studies(folder, pd.DataFrame(rows), **stacked)


def _tables(results: Results) -> Tables:
    try:
        return tables(results)
    except AblateError as error:
        raise ResultsError(f"{results.folder}: {error}") from error


def _summary(name: str, results: Results) -> dict[str, Any]:
    planned, finished = trial_counts(results)
    study = {column: results.plan["study"][column] for column in ("name", "question", "design")}
    return {"study": name, **study, "path": str(results.folder), "planned": planned, "finished": finished}


def _stacked(names: Sequence[str], frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """`frames` one below another, led by `study`."""
    columns = list(dict.fromkeys(["study", *(column for frame in frames for column in frame.columns)]))
    labelled = [frame.assign(study=name) for name, frame in zip(names, frames, strict=True) if len(frame)]
    if not labelled:
        return pd.DataFrame(columns=columns)
    return pd.concat([_without_empty_columns(frame) for frame in labelled], ignore_index=True).reindex(columns=columns)


def _without_empty_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """What type a column without any number gives to the whole depends on the version of pandas; None stays None."""
    numbers = frame.select_dtypes("number")
    return frame.drop(columns=numbers.columns[numbers.isna().all()])
