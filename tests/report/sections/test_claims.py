from ablate.report import tables
from ablate.report.document import Table
from ablate.report.sections.claims import CONDITIONS_CAPTION, claims_section, own_conditions


def conditions_of(results):
    blocks = claims_section(results, tables(results))
    return [block for block in blocks if isinstance(block, Table) and block.caption == CONDITIONS_CAPTION]


def test_published_conditions_stand_beside_our_own(toy, claim):
    under = {"data": "CIFAR-10, 50,000 images", "budget": "200 epochs, one run"}
    (table,) = conditions_of(toy(claims=[claim(published_under=under)]))
    assert table.texts == (
        (
            "data",
            "CIFAR-10, 50,000 images",
            "small_objects, 5,000 training and 5,000 test images",
            "spd-beats-stride",
        ),
        ("budget", "200 epochs, one run", "6 epochs, 234 steps, 8 runs a variant", "spd-beats-stride"),
    )


def test_claims_of_one_source_share_a_row(toy, claim):
    claims = [claim(id=name, published_under={"recipe": "SGD"}) for name in ("one", "two")]
    (table,) = conditions_of(toy(claims=claims))
    assert table.texts == (("recipe", "SGD", "optimizer sgd, lr 0.1, batch size 128", "one, two"),)


def test_without_published_conditions_there_is_no_table(toy, claim):
    assert conditions_of(toy(claims=[claim()])) == []


def test_what_variants_do_not_share_is_told_of_each(toy):
    results = toy()
    results.plan["variants"][1]["steps"] = 400
    assert own_conditions(results.plan)["budget"] == "6 epochs, 234 steps; 6 epochs, 400 steps, 8 runs a variant"
