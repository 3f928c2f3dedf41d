"""What is not the same in A and B."""

from collections.abc import Callable
from typing import Any

from ablate.comparison.conditions import conditions_table
from ablate.comparison.matching import match
from ablate.records import digest, load_results, write_json

Folder = Callable[..., Any]
TWO = {"strided": {0: 0.5, 1: 0.6}, "spd": {0: 0.7, 1: 0.8}}


def conditions(a: Any, b: Any) -> dict[tuple[str, str], tuple[str, str]]:
    rows = conditions_table(a, b, match(a, b).pairs).to_dict("records")
    return {(row["part"], row["condition"]): (row["a"], row["b"]) for row in rows}


def test_one_study_run_twice_under_the_same_conditions_has_none(folder: Folder) -> None:
    """The load of the machine is another every minute, and no condition."""
    assert conditions(folder("a", TWO), folder("b", TWO, environment={"load_at_start": 2.0})) == {}


def test_machine_versions_and_commit(folder: Folder) -> None:
    machine = {"system": "Linux", "versions": {"torch": "2.15.0"}, "cpu": "Xeon", "cores": 2, "gpu": "H100, 570.1"}
    b = folder("b", TWO, environment={"machine": machine, "commit": "b" * 40, "dirty": True})
    assert conditions(folder("a", TWO), b) == {
        ("environment", "machine.versions.torch"): ("2.13.0", "2.15.0"),
        ("environment", "machine.gpu"): ("–", "H100, 570.1"),
        ("environment", "commit"): ("a" * 12, "b" * 12),
        ("environment", "dirty"): ("False", "True"),
    }


def test_only_environments_that_trained_count(folder: Folder) -> None:
    a = folder("a", TWO)
    known = {"e0": {"machine": {"cpu": "another"}, "commit": "c" * 40}, **a.environments}
    write_json(a.folder / "environment.json", known)
    assert conditions(load_results(a.folder), folder("b", TWO)) == {}


def test_an_environment_that_is_not_on_record_is_told_by_its_id(folder: Folder) -> None:
    a, b = folder("a", TWO), folder("b", TWO)
    (a.folder / "environment.json").unlink()
    found = conditions(load_results(a.folder), b)
    assert found["environment", "unknown environment"] == ("e1", "–")
    assert found["environment", "machine.cpu"] == ("–", "Xeon")
    (b.folder / "environment.json").unlink()
    assert conditions(load_results(a.folder), load_results(b.folder)) == {}


def test_recipe_data_and_precision_where_all_variants_have_them_alike(folder: Folder) -> None:
    train = {"train": {"epochs": 12, "lr": 0.1, "precision": "bf16"}, "steps": 468}
    data = {"data": {"name": "small_objects", "seed": 1, "test_images": 8, "digest": "d" * 64}}
    b = folder("b", TWO, of={name: {**train, **data} for name in TWO})
    assert conditions(folder("a", TWO), b) == {
        ("data", "seed"): ("0", "1"),
        ("training", "epochs"): ("6", "12"),
        ("training", "precision"): ("fp32", "bf16"),
        ("training", "steps"): ("234", "468"),
    }


def test_a_field_of_one_variant_names_it_and_one_that_is_not_stated_is_absent(folder: Folder) -> None:
    b = folder("b", TWO, of={"spd": {"train": {"epochs": 6, "lr": 0.2, "precision": "fp32", "ema": 0.9}}})
    assert conditions(folder("a", TWO), b) == {
        ("training", "lr (spd)"): ("0.1", "0.2"),
        ("training", "ema (spd)"): ("–", "0.9"),
    }


def test_the_code_that_builds_a_network(folder: Folder) -> None:
    def study(name: str, version: str) -> Any:
        return folder(name, {"net": {0: 0.5}}, of={"net": {"model": {"preset": "timm/x", "version": version}}})

    assert conditions(study("a", "1.0.20"), study("b", "1.0.24")) == {("model", "version"): ("1.0.20", "1.0.24")}


def test_what_the_study_asks(folder: Folder) -> None:
    more = {name: {**seeds, 2: None} for name, seeds in TWO.items()}
    b = folder(
        "b", more, plan={"baseline": "spd", "training_version": 2}, margin={"accuracy": 0.01}, primary="test_loss"
    )
    assert conditions(folder("a", TWO), b) == {
        ("study", "primary"): ("accuracy", "test_loss"),
        ("study", "margin"): ("–", "accuracy 0.01"),
        ("study", "baseline"): ("strided", "spd"),
        ("study", "seeds"): ("0, 1", "0, 1, 2"),
        ("study", "training version"): ("1", "2"),
    }


def test_a_baseline_under_another_name_is_no_other_baseline(folder: Folder) -> None:
    a = folder("a", {"strided": {0: 0.5}})
    model = a.plan["variants"][0]["model"]
    assert conditions(a, folder("b", {"d=strided": {0: 0.5}}, of={"d=strided": {"model": model}})) == {}


def test_execution_is_that_of_the_machines_that_trained(folder: Folder) -> None:
    a, b = folder("a", TWO), folder("b", TWO)
    machine = digest(a.environments["e1"]["machine"])[:12]
    here = {"device": "cpu", "workers": 2, "threads": 1}
    write_json(a.folder / "execution.json", {machine: here, "f" * 12: {"device": "cuda:0", "workers": 1, "threads": 8}})
    write_json(b.folder / "execution.json", {machine: {**here, "threads": 4}})
    assert conditions(a, b) == {("execution", "threads"): ("1", "4")}
