from dataclasses import replace

from ablate.report import tables
from ablate.report.document import Table
from ablate.report.sections.changes import changes_section


def with_networks(results, **fields):
    """`results` whose variants have these fields of their network, variant -> fields."""
    variants = [{**each, "model": fields[each["variant"]]} for each in results.plan["variants"]]
    return replace(results, plan={**results.plan, "variants": variants})


def table_of(results):
    _, table, _ = changes_section(results, tables(results))
    assert isinstance(table, Table)
    return table


NETWORKS = {
    "strided": {"downsample": "strided", "width": 0.25, "groups": None},
    "spd": {"downsample": "spd", "width": 0.145, "groups": None, "pooled": True},
    "maxpool": {"downsample": "maxpool", "width": 0.25, "groups": None},
}


def test_a_row_has_every_field_that_differs_and_what_it_costs(toy):
    """spd has 4,000 parameters for 1,000, and 35,100 multiply-adds for each of them."""
    table = table_of(with_networks(toy(), **NETWORKS))
    assert table.texts == (
        (
            "spd",
            "downsample strided → spd; width 0.25 → 0.145; pooled none → True",
            *("4.00x", "4.00x", "4.00x"),
        ),
        ("maxpool", "downsample strided → maxpool", "1.00x", "1.00x", "1.00x"),
    )


def test_steps_and_recipe_count_too(toy):
    results = with_networks(toy(), **NETWORKS)
    spd = {**results.plan["variants"][1], "steps": 117, "train": {**results.plan["variants"][1]["train"], "lr": 0.3}}
    variants = [results.plan["variants"][0], spd, results.plan["variants"][2]]
    row = table_of(replace(results, plan={**results.plan, "variants": variants})).texts[0]
    assert row[1].endswith("; lr 0.1 → 0.3")
    assert row[2:] == ("4.00x", "4.00x", "2.00x")


def test_it_is_set_against_the_baseline_that_is_asked_for(toy):
    results = with_networks(toy(), **NETWORKS)
    _, table, _ = changes_section(results, tables(results, baseline="spd"))
    assert [row[0] for row in table.texts] == ["strided", "maxpool"]
    assert table.texts[0][2] == "0.25x"


def test_where_one_field_changes_and_nothing_else_there_is_nothing_to_say(toy):
    results = toy(factors={"model.downsample": ["strided", "maxpool"]})
    assert changes_section(with_networks(results, **NETWORKS), tables(results)) == []
