"""The study of printed numbers: every source's claims are there, and the verdicts are those written down here.

The counts below were made independently of this package. The verdicts hold for the readings and tolerances that the
study states; they are pinned so that a change in either, or in what is counted, is seen.
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from ablate.analysis.counting import Judgement, judge
from ablate.errors import StudyError
from ablate.models.quantities import check_quantity
from ablate.report.counting import count_claims
from ablate.schema import CountClaim
from ablate.study.planning.planner import plan_study
from ablate.study.reading.load import load_study

STUDY = Path(__file__).parents[1] / "studies" / "paper_vs_mini.yaml"

DIFFERS = {
    *("guide-flops-xception", "guide-flops-below-inception", "guide-part7-params-inception-v3"),
    *("guide-as-good-as-inception-v4", "guide-residual-blocks", "guide-operations", "guide-torchvision-xception"),
    *(
        f"guide-side-{name}"
        for name in ("conv1", "conv2", "block2", "block3", "middle", "block12", "block13", "block14")
    ),
    *("guide-relu-after-depthwise", "guide-no-relu-after-pointwise", "guide-layer-order"),
    *("guide-middle-relus", "guide-exit-separables", "guide-entry-side", "guide-middle-side"),
    *("replication-middle-sepconvs", "model-one-nth", "model-order"),
    *("paper-params-inception-v3", "paper-top1-vgg16", "paper-top1-resnet152", "paper-top1-inception-v3"),
}
AMBIGUOUS = {
    *("guide-top1-inception-v3", "guide-part7-params-googlenet", "guide-part7-top1-googlenet"),
    *("guide-part7-top1-inception-v3", "guide-side-block1"),
    *("replication-similar-params", "replication-exit-separables"),
}

# Counted with fvcore and torch's counter on torchvision 0.28, timm 1.0.31 and the sources' own code.
PARAMS_AND_MACS = {
    "xception": (22_855_952, 8_357_403_496),
    "xception_224": (22_855_952, 4_552_879_072),
    "mini_xception": (15_437_482, 649_139_200),
    "mini_spd_1x1": (4_427_434, 246_486_016),
    "mini_spd_3x3": (26_447_530, 1_051_792_384),
    "mini_strided": (5_115_562, 271_651_840),
    "mini_strided_3x3": (7_868_074, 372_315_136),
    "mini_maxpool": (1_671_338, 145_822_720),
    "mini_maxpool_strided_skip": (1_671_338, 126_948_352),
    "mini_no_residual": (13_885_610, 573_641_728),
    "inception_v3": (23_834_568, 5_713_216_096),
    "inception_v3_aux": (27_161_264, 5_713_216_096),
    "googlenet": (6_624_904, 1_498_376_192),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet152": (60_192_808, 11_513_626_624),
    "vgg16": (138_357_544, 15_470_264_320),
    "inception_v4": (42_679_816, 12_253_974_624),
    "mobilenet_v1": (4_231_976, 568_740_352),
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pytest.importorskip("timm")
    return plan_study(load_study(STUDY), tmp_path_factory.mktemp("results"), "cpu").as_json()


@pytest.fixture(scope="module")
def judged(plan: dict[str, Any]) -> dict[str, Judgement]:
    counted = {variant["variant"]: variant["quantities"] for variant in plan["variants"]}
    return {claim.id: judge(claim, counted) for claim in count_claims(plan)}


@pytest.mark.slow
class TestCounted:
    def test_every_verdict_is_the_one_written_down(self, judged: dict[str, Judgement]) -> None:
        expected = {
            name: "differs" if name in DIFFERS else "ambiguous" if name in AMBIGUOUS else "matches" for name in judged
        }
        assert {name: judgement.verdict for name, judgement in judged.items()} == expected
        assert set(judged) >= DIFFERS | AMBIGUOUS

    def test_every_system_s_counts_are_the_known_ones(self, plan: dict[str, Any]) -> None:
        found = {variant["variant"]: (variant["params"], variant["macs"]) for variant in plan["variants"]}
        assert {name: found[name] for name in PARAMS_AND_MACS} == PARAMS_AND_MACS

    def test_numbers_that_notes_and_statements_repeat_are_those_counted(self, judged: dict[str, Judgement]) -> None:
        assert judged["guide-savings"].measured == pytest.approx(9 * 512 / (9 + 512))
        assert "separable_128_128: 8.409 (" in judged["guide-savings"].reason
        assert "separable_2048_2048: 8.961 (" in judged["guide-savings"].reason
        assert judged["model-one-nth"].measured == pytest.approx(1 / 256 + 1 / 9)
        assert judged["guide-flops-below-inception"].measured == pytest.approx(8_357_403_496 / 5_713_216_096)

    def test_nothing_of_this_machine_is_in_the_plan(self, plan: dict[str, Any]) -> None:
        assert str(STUDY.parent) not in str(plan)
        assert plan["study"]["data"] is None
        assert all(variant["keys"] == {} for variant in plan["variants"])


@pytest.fixture(scope="module")
def claims() -> list[CountClaim]:
    pytest.importorskip("timm")
    return [claim for claim in load_study(STUDY).config.claims if isinstance(claim, CountClaim)]


class TestStated:
    def test_every_source_document_has_its_claims(self, claims: list[CountClaim]) -> None:
        sources = {claim.source for claim in claims}
        for document in (
            *("Xception: Complete Guide", "Xception-Replication", "XceptionNet (notes)", "Xception Model (notes)"),
            *("MiniXception (diagram)", "Chollet 2017", "Tan & Le 2019", "Howard et al. 2017", "Sunkara & Luo 2022"),
        ):
            assert any(source.startswith(document) for source in sources), document

    def test_sources_are_documents_and_not_files_here(self, claims: list[CountClaim]) -> None:
        cited = [reading.source for claim in claims for reading in claim.readings if reading.source is not None]
        assert not [
            source for source in (*(claim.source for claim in claims), *cited) if re.search(r"seeds|\.txt|^/", source)
        ]

    def test_every_quantity_is_known(self, claims: list[CountClaim]) -> None:
        for claim in claims:
            for each in (claim.count, *claim.readings):
                if each.quantity is not None:
                    check_quantity(each.quantity)

    def test_tolerances_are_half_a_printed_digit_unless_a_note_says_why(self, claims: list[CountClaim]) -> None:
        """A number with all its digits has none; half a digit of a one-digit number, such as 0.5M, is the widest."""
        for claim in claims:
            assert claim.count.tolerance <= 0.1, claim.id
            if claim.count.published >= 1e6 and claim.count.published % 1000:
                assert claim.count.tolerance == 0, claim.id


def test_without_timm_the_study_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "timm" else found(name, *rest))
    with pytest.raises(StudyError, match=r"inception_v4\.model\.preset: timm is not installed; pip install timm"):
        load_study(STUDY)
