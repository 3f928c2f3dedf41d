import errno
import os
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from ablate.errors import ResultsError
from ablate.records import Record, pack_bits, save_record, write_json
from ablate.report import index as indexing
from ablate.report import tables
from ablate.report.document import Cell, Heading, Paragraph, Table
from ablate.report.index import Entry, entry_of, index, study_folders, write_reports


def entry(folder, **changes):
    fields = {"kind": "trained", "question": "Does it?", "answer": "It does.", "seeds": 5}
    return Entry(folder=PurePosixPath(folder), **{**fields, **changes})


@pytest.fixture
def stored(toy):
    """Writes the toy study, with a name, into a folder: `stored(folder, "one")`."""

    def store(folder, name, finished=24):
        results = toy(name=name)
        folder.mkdir(parents=True)
        write_json(folder / "plan.json", results.plan)
        write_json(folder / "environment.json", results.environments)
        for row in results.trials.to_dict("records")[:finished]:
            metrics = {key: row[key] for key in ("accuracy", "test_loss", "train_seconds", "train_images_per_second")}
            curve = [{"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "learning_rate": 0.1}]
            save_record(
                folder,
                Record(
                    key=row["key"],
                    seed=row["seed"],
                    state="complete",
                    metrics=metrics,
                    steps=234,
                    curve=curve,
                    correct=pack_bits(np.arange(10_000) < round(10_000 * row["accuracy"])),
                    test_images=10_000,
                    environment="e1",
                ),
            )
        return folder

    return store


def test_studies_are_found_at_any_depth_and_not_within_each_other(tmp_path):
    for place in ("b", "a/nested", "a/nested/deeper", ".hidden"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "plan.json").write_text("{}")
    (tmp_path / "c").mkdir()
    assert study_folders(tmp_path) == [tmp_path / "a/nested", tmp_path / "b"]
    assert study_folders(tmp_path / "b") == [tmp_path / "b"]
    assert study_folders(tmp_path / "c") == study_folders(tmp_path / "nowhere") == []


def test_every_study_is_reported_and_linked(stored, tmp_path):
    stored(tmp_path / "one", "one")
    stored(tmp_path / "reference" / "two", "two")
    written = write_reports(tmp_path, ["html", "md"])
    assert [str(each.folder) for each in written.entries] == ["one", "reference/two"]
    assert written.studies == ()
    for name in ("one", "reference/two"):
        assert (tmp_path / name / "report.html").exists()
        assert (tmp_path / name / "contrasts.csv").exists()
    links = re.findall(r'<a href="([\w/.]+)">', (tmp_path / "index.html").read_text())
    assert links == ["one/report.html", "reference/two/report.html"]
    text = (tmp_path / "index.md").read_text()
    assert "| [one](one/report.md) | Does SPD help? | On accuracy: spd is better than strided (" in text
    assert text.count("95 % intervals") == 1


def test_what_weakens_a_study_names_it(stored, tmp_path):
    stored(tmp_path / "one", "one")
    stored(tmp_path / "two", "two", finished=20)
    problems = write_reports(tmp_path, ["md"]).problems
    assert problems
    assert all(problem.startswith("two: ") for problem in problems)
    assert (
        "Unfinished: 20 of 24 trials. What is missing is in no table below. On accuracy"
        in (tmp_path / "index.md").read_text()
    )


def test_one_study_has_no_index(stored, tmp_path):
    folder = stored(tmp_path / "one", "one")
    written = write_reports(folder, ["md"], "spd")
    assert written.entries == ()
    ((_, derived),) = written.studies
    assert set(derived.contrasts["baseline"]) == {"spd"}
    assert not list(tmp_path.glob("index.*"))


def test_a_baseline_is_a_variant_of_one_study(stored, tmp_path):
    stored(tmp_path / "one", "one")
    with pytest.raises(ResultsError, match=r"--baseline spd: .* holds 1 studies; name the folder of one"):
        write_reports(tmp_path, ["md"], "spd")


def test_a_folder_without_any_study_is_none(tmp_path):
    with pytest.raises(ResultsError, match=r"is no results folder, it has no plan\.json"):
        write_reports(tmp_path)


def test_formats_without_links_have_no_index(stored, tmp_path):
    stored(tmp_path / "one", "one")
    write_reports(tmp_path, ["tex"])
    assert not list(tmp_path.glob("index.*"))
    assert (tmp_path / "one" / "report.tex").exists()


def test_a_study_that_counts_stands_by_itself():
    blocks = index([entry("trained"), entry("paper_vs_mini", kind="counted")], "html")
    headings = [block.text for block in blocks if isinstance(block, Heading)]
    assert headings == ["Studies", "Trained", "Counted"]
    _, counted = (block for block in blocks if isinstance(block, Table))
    assert [column.header for column in counted.columns] == ["study", "question", "answer"]
    assert counted.rows[0][0] == Cell("paper_vs_mini", link="paper_vs_mini/report.html")
    assert any(isinstance(block, Paragraph) and "train nothing" in block.text for block in blocks)


def test_a_link_that_leads_back_is_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "plan.json").write_text("{}")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert study_folders(tmp_path) == [tmp_path / "a", tmp_path / "b"]


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    listed = Path.iterdir

    def refused(path):
        if path.name == "locked":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ResultsError, match=r"locked: cannot be read \(Permission denied\); name "):
        study_folders(tmp_path)


def test_without_a_kind_its_heading_is_left_out():
    assert [block.text for block in index([entry("a")], "md") if isinstance(block, Heading)] == ["Studies", "Trained"]


def test_studies_of_one_name_are_told_apart_by_their_folder():
    (table,) = (block for block in index([entry("a"), entry("old/a")], "md") if isinstance(block, Table))
    assert [row[0] for row in table.texts] == ["a", "old/a"]


def test_an_entry_says_on_how_many_seeds_the_answer_stands(toy, tmp_path, key_of):
    results = toy(folder=tmp_path / "toy")
    results = replace(results, trials=results.trials[results.trials["key"] != key_of("spd", 2)])
    found = entry_of(results, tables(results), tmp_path)
    assert (found.seeds, found.kind, str(found.folder)) == (7, "trained", "toy")
    assert found.answer.startswith("Unfinished: 23 of 24 trials.")


def test_the_module_names_its_formats():
    assert set(indexing.LINKED) <= set(indexing.FORMATS)
