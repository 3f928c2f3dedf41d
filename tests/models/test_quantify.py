"""What is counted of a network, against formulas, the papers and other counters."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
import timm
import torch
from torch import nn

from ablate.errors import ModelError, UnknownName
from ablate.models.network import assemble
from ablate.models.quantify import measured, stages
from ablate.models.resolve import resolve
from ablate.models.sources import file_digest
from ablate.models.spec import BuilderSpec, NetworkSpec

LAYERS = Path(__file__).parents[2] / "studies" / "examples" / "layers.py"


def one(preset: str, quantity: str, **fields: object) -> float | None:
    return measured(resolve(preset, fields), [quantity])[quantity]


def layer(function: str, channels: int, out: int, side: int, **arguments: int) -> BuilderSpec:
    return BuilderSpec(
        builder=f"{LAYERS.name}:{function}",
        digest=file_digest(LAYERS),
        arguments={"out_channels": out, **arguments},
        num_classes=None,
        input_size=side,
        in_channels=channels,
        folder=str(LAYERS.parent),
    )


class TestXception:
    """Chollet 2017, figure 5: 36 convolution layers, 34 separable; 12 of 14 modules have a skip connection."""

    EXPECTED: ClassVar[dict[str, float | None]] = {
        "params": 22_855_952,
        "params:head": 2048 * 1000 + 1000,
        "params:middle.3": 3 * (9 * 728 + 728 * 728 + 2 * 728),
        "params:middle": 8 * 3 * (9 * 728 + 728 * 728 + 2 * 728),
        "params_with_statistics": 22_910_480,
        "macs": 8_357_403_496,
        "macs:stem": 149 * 149 * 27 * 32 + 147 * 147 * 9 * 32 * 64,
        "macs:head": 2048 * 1000,
        "flops": 16_714_806_992,
        "fvcore_flops": 8_399_882_600,
        "conv_modules": 74,
        "conv_modules:stem": 2,
        "conv_layers": 36,
        "separables": 34,
        "separables:middle": 24,
        "separables:exit": 4,
        "skips": 12,
        "skips:entry": 3,
        "relus:middle": 24,
        # two in the stem, one in the first block, two in the others, three a middle block, two at the end
        "relus": 2 + 1 + 2 + 2 + 24 + 2 + 2,
        "in_a_row:depthwise>pointwise": 34,
        "in_a_row:pointwise>depthwise": 0,
        "in_a_row:depthwise>relu": 0,
        # all but the last separable convolution of 12 residual blocks
        "in_a_row:depthwise>pointwise>norm>relu": 34 - 12,
        "in_a_row:MaxPool2d": 4,
        "in_a_row:AdaptiveAvgPool2d>Dropout>Linear": 1,
        "side:stem.conv1": 149,
        "side:entry.block3": 19,
        "channels:exit": 2048,
        "macs_with_aux_heads": 8_357_403_496,
        "top1": None,
        "listed:xception": None,
    }

    def test_quantities(self) -> None:
        assert measured(resolve("xception", {}), list(self.EXPECTED)) == self.EXPECTED

    def test_the_stages_are_those_of_timm_s_network(self) -> None:
        """timm's own feature maps at 96 pixels, module by module."""
        network, shapes = timm.create_model("legacy_xception").eval(), []
        parts = ["act1", "act2", "block1", "block2", "block3", "block11", "block12", "act3", "act4"]
        for part in parts:
            network.get_submodule(part).register_forward_hook(
                lambda _m, _i, output: shapes.append(tuple(output.shape[1:]))
            )
        with torch.no_grad():
            network(torch.zeros(1, 3, 96, 96))
        found = stages(resolve("xception", {"input_size": 96}))
        assert [shape for _, shape in found] == shapes
        assert [path for path, _ in found][-3:] == ["exit.block", "exit.sep1", "exit.sep2"]


def test_separable_convolutions_the_other_way_round_are_seen_in_their_order() -> None:
    spec = resolve("xception", {"separable_order": "pointwise_first", "input_size": 96, "mid_activation": "relu"})
    assert measured(spec, ["in_a_row:pointwise>relu>depthwise", "in_a_row:depthwise>pointwise"]) == {
        "in_a_row:pointwise>relu>depthwise": 34,
        "in_a_row:depthwise>pointwise": 0,
    }


class TestMiniXception:
    def test_six_operators_hold_most_of_its_parameters(self) -> None:
        """SPDConv hands 4C channels to its convolution: 3x3 on the main branch, 1x1 beside it, each with a BN."""
        spd = sum(4 * c * c * 9 + 2 * c + 4 * c * c + 2 * c for c in (128, 256, 512))
        found = measured(
            resolve("mini_xception", {}), ["params:*.down", "params_share:*.down", "conv_modules", "skips"]
        )
        assert found == {
            "params:*.down": spd,
            "params_share:*.down": pytest.approx(spd / 15_437_482),
            "conv_modules": 51,
            "skips": 7,
        }

    def test_what_a_pattern_names_twice_is_counted_once(self) -> None:
        assert one("mini_xception", "params:middle*") == one("mini_xception", "params:middle")
        assert one("mini_xception", "params:*") == one("mini_xception", "params")
        assert one("mini_xception", "macs:*") == one("mini_xception", "macs")

    def test_shapes_are_those_of_the_diagram(self) -> None:
        assert stages(resolve("mini_xception", {})) == [
            *(("stem.conv1", (32, 32, 32)), ("stem.conv2", (64, 32, 32)), ("down1", (128, 16, 16))),
            *(("block1", (128, 16, 16)), ("down2", (256, 8, 8)), ("middle", (256, 8, 8)), ("down3", (512, 4, 4))),
            *(("exit.sep1", (512, 4, 4)), ("exit.sep2", (512, 4, 4))),
        ]

    def test_a_middle_flow_without_blocks_is_no_stage(self) -> None:
        assert "middle" not in dict(stages(resolve("mini_xception", {"middle_depth": 0})))

    def test_without_skip_connections_there_are_none(self) -> None:
        assert one("mini_xception", "skips", residual="none") == 0


class TestOtherPackages:
    def test_auxiliary_heads_cost_in_training_alone(self) -> None:
        spec = resolve("torchvision/inception_v3", {"aux_heads": "trained"})
        assert measured(spec, ["params", "macs", "macs_with_aux_heads"]) == {
            "params": 27_161_264,
            "macs": 5_713_216_096,
            "macs_with_aux_heads": 5_718_899_296,
        }

    def test_what_torchvision_states_of_its_first_weights(self) -> None:
        quantities = ["top1", "top5", "listed:resnet50", "listed:xception", "conv_layers", "skips", "relus"]
        assert measured(resolve("torchvision/resnet50", {}), quantities) == {
            "top1": 0.7613,
            "top5": 0.92862,
            "listed:resnet50": 1,
            "listed:xception": 0,
            "conv_layers": None,
            "skips": None,
            "relus": None,
        }

    def test_timm_states_no_accuracy_but_lists_its_networks(self) -> None:
        found = measured(resolve("timm/resnet18", {}), ["top1", "top5", "listed:legacy_xception"])
        assert found == {"top1": None, "top5": None, "listed:legacy_xception": 1}

    def test_stages_are_outermost_modules_where_the_shape_changes(self) -> None:
        assert stages(resolve("torchvision/resnet50", {})) == [
            *(("conv1", (64, 112, 112)), ("maxpool", (64, 56, 56)), ("layer1", (256, 56, 56))),
            *(("layer2", (512, 28, 28)), ("layer3", (1024, 14, 14)), ("layer4", (2048, 7, 7))),
            ("avgpool", (2048, 1, 1)),
        ]

    def test_a_body_stands_for_its_members(self) -> None:
        found = stages(resolve("torchvision/vgg16", {}))
        assert found[:2] == [("features.0", (64, 224, 224)), ("features.4", (64, 112, 112))]
        assert found[-1] == ("features.30", (512, 7, 7))


class TestLayers:
    """One layer as a network: the formulas of the sources themselves."""

    def count(self, spec: NetworkSpec) -> tuple[Any, Any]:
        found = measured(spec, ["params", "macs"])
        return found["params"], found["macs"]

    def test_plain_and_separable(self) -> None:
        assert self.count(layer("plain", 256, 512, 19)) == (9 * 256 * 512, 9 * 256 * 512 * 19**2)
        assert self.count(layer("separable", 256, 512, 19)) == (9 * 256 + 256 * 512, (9 * 256 + 256 * 512) * 19**2)
        assert measured(layer("separable", 256, 512, 19), ["params:depthwise"]) == {"params:depthwise": 2304}

    @pytest.mark.parametrize("kernel", [1, 3])
    def test_space_to_depth_costs_four_strided_convolutions(self, kernel: int) -> None:
        weights = kernel**2 * 128 * 128
        assert self.count(layer("strided", 128, 128, 32, kernel=kernel)) == (weights, weights * 16**2)
        assert self.count(layer("space_to_depth", 128, 128, 32, kernel=kernel)) == (4 * weights, 4 * weights * 16**2)

    def test_a_lone_module_has_one_stage(self) -> None:
        assert stages(layer("plain", 3, 5, 7)) == [("output", (5, 7, 7))]
        assert stages(layer("space_to_depth", 4, 8, 6)) == [("rearranged", (16, 3, 3)), ("conv", (8, 3, 3))]


class TestMistakes:
    def test_an_unknown_quantity(self) -> None:
        with pytest.raises(UnknownName, match="unknown quantity 'parm'"):
            one("mini_xception", "parm")

    def test_a_path_that_is_not_there(self) -> None:
        with pytest.raises(ModelError, match=r"mini_xception has no module 'exti'; did you mean 'exit'\?"):
            one("mini_xception", "params:exti")
        with pytest.raises(ModelError, match="has no module 'exti'"):
            one("mini_xception", "macs:exti")

    def test_a_module_without_feature_maps(self) -> None:
        with pytest.raises(ModelError, match="has no module 'head' that puts out feature maps"):
            one("mini_xception", "side:head")

    def test_feature_maps_that_are_no_square(self, monkeypatch: pytest.MonkeyPatch) -> None:
        strip = nn.Sequential(nn.Conv2d(3, 4, (3, 1)))
        monkeypatch.setattr("ablate.models.quantify.countable", lambda spec: (strip, torch.zeros(1, 3, 8, 8)))
        with pytest.raises(ModelError, match="0 puts out 6 x 8, which has no one side"):
            one("mini_xception", "side:0")


def test_the_network_of_a_subject_is_the_one_that_is_trained() -> None:
    spec = resolve("mini_xception", {"width": 0.125})
    assert measured(spec, ["params"])["params"] == sum(parameter.numel() for parameter in assemble(spec).parameters())
