"""All studies below a folder, as one set of tables."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from ablate import records
from ablate.errors import ResultsError
from ablate.records import Results, failure_path, read_json, write_json
from ablate.report import Tables, tables
from ablate.report.collecting import Studies, load_results
from ablate.report.derive import FILES
from ablate.report.sections.progress import trial_counts

pytestmark = pytest.mark.usefixtures("quick_corrections")

ROOT = Path(__file__).parent.parent.parent
FLAGSHIP = ROOT / "results" / "reference" / "spdconv_vs_stride"


SOURCES = {
    "deeper/spdconv_vs_stride": "reference/spdconv_vs_stride",
    "paper_vs_mini": "paper_vs_mini",
    "residual": "residual",
}


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """Three committed studies, one of them a folder deeper, one that only counts; and a folder without a study."""
    for place, source in SOURCES.items():
        shutil.copytree(ROOT / "results" / source, tmp_path / "results" / place)
    (tmp_path / "results" / "bench").mkdir()
    return tmp_path / "results"


@pytest.fixture(scope="module")
def derived() -> dict[str, Tables]:
    """The tables of each of the three by itself."""
    return {place: tables(records.load_results(ROOT / "results" / source)) for place, source in SOURCES.items()}


def test_a_folder_of_studies_has_one_row_a_study(several: Path) -> None:
    found = load_results(several)
    assert isinstance(found, Studies)
    columns = ["study", "name", "design", "planned", "finished"]
    assert found.studies[columns].values.tolist() == [
        ["deeper/spdconv_vs_stride", "spdconv_vs_stride", "grid", 15, 15],
        ["paper_vs_mini", "paper_vs_mini", "count", 0, 0],
        ["residual", "residual", "grid", 10, 10],
    ]
    assert list(found.studies) == ["study", "name", "question", "design", "path", "planned", "finished"]
    assert found.studies["path"].tolist() == [str(several / name) for name in found.studies["study"]]
    assert found.studies["question"][2].startswith("Do the skip connections help")


def test_every_table_is_those_of_the_studies_below_each_other(several: Path, derived: dict[str, Tables]) -> None:
    found = load_results(several)
    for name in FILES:
        stacked, parts = getattr(found, name), {study: getattr(own, name) for study, own in derived.items()}
        assert stacked.columns[0] == "study"
        assert len(stacked) == sum(map(len, parts.values()))
        for study, own in parts.items():
            part = stacked[stacked["study"] == study][list(own.columns)].reset_index(drop=True)
            pd.testing.assert_frame_equal(part, own, check_dtype=False, check_index_type=False)


def test_a_column_that_only_some_studies_have_is_empty_for_the_rest(several: Path) -> None:
    found = load_results(several)
    assert isinstance(found, Studies)
    of_residual = found.trials["study"] == "residual"
    assert set(found.trials.loc[of_residual, "residual"]) == {"add", "none"}
    assert found.trials.loc[~of_residual, "residual"].isna().all()
    assert found.variants.loc[found.variants["study"] == "paper_vs_mini", "accuracy_mean"].isna().all()
    assert found.trials["accuracy"].dtype == "float64"


def test_one_study_below_is_still_a_folder_of_studies(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "residual", tmp_path / "results" / "residual")
    found = load_results(str(tmp_path))
    assert isinstance(found, Studies)
    assert found.studies["study"].tolist() == ["results/residual"]


def test_a_study_s_own_folder_is_read_as_ever() -> None:
    found = load_results(str(FLAGSHIP))
    assert isinstance(found, Results)
    assert len(found.trials) == 15


def test_unfinished_studies_have_what_they_have(several: Path) -> None:
    """One without any trial, and one with a trial that is missing and one that failed."""
    for record in (several / "deeper" / "spdconv_vs_stride" / "records").iterdir():
        record.unlink()
    missing, failed = sorted((several / "residual" / "records").iterdir())[:2]
    missing.unlink()
    failed.unlink()
    write_json(failure_path(several / "residual", failed.stem), {"attempts": [{"cause": "out of memory"}]})
    found = load_results(several)
    assert isinstance(found, Studies)
    assert found.studies["finished"].tolist() == [0, 0, 8]
    assert found.trials["state"].value_counts().to_dict() == {"complete": 8, "failed": 1}
    assert set(found.contrasts["study"]) == {"deeper/spdconv_vs_stride", "residual"}


def test_studies_that_have_no_trial_at_all_have_empty_tables_with_their_columns(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "residual", tmp_path / "residual")
    shutil.rmtree(tmp_path / "residual" / "records")
    found = load_results(tmp_path)
    assert isinstance(found, Studies)
    assert found.trials.empty
    assert found.trials.columns[:3].tolist() == ["study", "variant", "residual"]


def test_a_trial_that_two_variants_share_counts_once(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "residual", tmp_path / "residual")
    plan = read_json(tmp_path / "residual" / "plan.json")
    plan["variants"][1]["keys"] = plan["variants"][0]["keys"]
    write_json(tmp_path / "residual" / "plan.json", plan)
    results = load_results(tmp_path / "residual")
    assert isinstance(results, Results)
    assert len(results.trials) == 10
    assert trial_counts(results) == (5, 5)


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"holds no study, neither it nor a folder in it has a plan\.json"):
        load_results(tmp_path)
    with pytest.raises(ResultsError, match=r"nowhere: no such results folder"):
        load_results(tmp_path / "nowhere")


def test_a_study_that_cannot_be_read_is_named(several: Path) -> None:
    plan = several / "residual" / "plan.json"
    intact = plan.read_text()
    plan.write_text("{")
    with pytest.raises(ResultsError, match=r"residual/plan\.json: cannot be read"):
        load_results(several)
    plan.write_text(intact.replace('"baseline": "add"', '"baseline": "ad"'))
    with pytest.raises(
        ResultsError, match=r"residual/plan\.json: holds no plan .*: unknown baseline 'ad'; did you mean 'add'\?"
    ):
        load_results(several)
