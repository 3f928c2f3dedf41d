"""The whole of it: what is refused, and its JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablate.comparison import TABLES, as_json, compare
from ablate.errors import ResultsError
from ablate.records import load_results

pytestmark = pytest.mark.usefixtures("quick_corrections")

Folder = Callable[..., Any]
ROOT = Path(__file__).parent.parent.parent
THREE = {"strided": {0: 0.5, 1: 0.6, 2: 0.65}, "spd": {0: 0.7, 1: 0.8, 2: None}}


def test_a_study_that_only_counts_is_refused_on_either_side(folder: Folder) -> None:
    counting = load_results(ROOT / "results" / "paper_vs_mini")
    trained = folder("a", THREE)
    for pair in ((counting, trained), (trained, counting)):
        with pytest.raises(ResultsError, match=r"paper_vs_mini: this study only counts .* compare its counts"):
            compare(*pair)


def test_a_primary_metric_without_a_value_a_trial_is_refused(folder: Folder) -> None:
    with pytest.raises(
        ResultsError, match=r"a/plan\.json: primary metric 'params' has no value a trial; choices: accuracy"
    ):
        compare(folder("a", THREE, primary="params"), folder("b", THREE))


def test_json_has_every_table_and_null_for_what_is_not_known(folder: Folder) -> None:
    a, b = folder("a", THREE), folder("b", {**THREE, "maxpool": {0: 0.9}})
    document = json.loads(json.dumps(as_json(compare(a, b)), allow_nan=False))
    assert document.keys() == {"a", "b", "primary", *TABLES}
    assert document["a"] == {
        "folder": str(a.folder),
        "study": "a",
        "planned": 6,
        "finished": 5,
        "costs": "no costs were measured",
    }
    assert document["unmatched"][0].keys() == {"side", "variant", "reason"}
    assert [(row["variant"], row["verdict"]) for row in document["variants"][:2]] == [
        ("strided", "identical"),
        ("spd", None),
    ]
    assert document["variants"][2]["p_adjusted"] is None


def test_a_folder_compared_with_itself_is_identical_and_has_no_condition_that_differs() -> None:
    results = load_results(ROOT / "results" / "reference" / "spdconv_vs_stride")
    compared = compare(results, results)
    tested = compared.variants[compared.variants["metric"] == "accuracy"]
    assert tested["verdict"].tolist() == ["identical"] * 3
    assert tested["bit_equal"].tolist() == [5, 5, 5]
    assert compared.conditions.empty
    assert compared.unmatched.empty
    exact = compared.costs[compared.costs["kind"] == "exact"]
    assert set(exact["finding"]) == {"equal"}


def test_two_committed_studies_that_share_networks_share_trials() -> None:
    """The flagship's three variants are three of the six of `downsampling`, with the same keys."""
    studies = [load_results(ROOT / "results" / name) for name in ("reference/spdconv_vs_stride", "downsampling")]
    compared = compare(*studies)
    assert set(compared.variants["same_key"]) == {5}
    assert compared.unmatched["variant"].tolist() == ["strided_depthwise", "avgpool", "blurpool"]
