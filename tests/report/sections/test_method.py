from ablate.report import tables
from ablate.report.document import Bullets
from ablate.report.sections.method import method


def said(results):
    _, bullets = method(results, tables(results))
    assert isinstance(bullets, Bullets)
    return bullets.items


def test_a_variant_under_other_seeds_is_named(toy):
    results = toy()
    assert not any(sentence.startswith("Under other seeds") for sentence in said(results))
    results.plan["variants"][1]["train"] = {**results.plan["variants"][1]["train"], "seed_offset": 10}
    name = results.plan["variants"][1]["variant"]
    assert f"Under other seeds than the rest were trained: {name} (seed + 10)." in " ".join(said(results))
