"""Charts of every kind, small enough to count what is drawn of them."""

from typing import Any

import pytest

from ablate.report.document import (
    Bar,
    BarChart,
    Chart,
    CostPanel,
    CostPoint,
    CurveChart,
    Estimate,
    InteractionChart,
    LadderChart,
    Line,
    LinePanel,
    Panel,
    ParetoChart,
    Rung,
    SeedChart,
    SeedPair,
    SeedPanel,
)

BARS = BarChart(
    "Parameters & <co>",
    "million parameters",
    "figures/parameters.svg",
    "what it shows",
    (
        Panel("A guide, section 8", (Bar("xception", 22.856, 22.9), Bar("mobilenet_v1", 4.232, 4.2))),
        Panel("A paper", (Bar("vgg16", 138.358, 138.0), Bar("$net_1$", 1234.5, 1200.0), Bar("none", 0.0, 1.0))),
    ),
)
SEEDS = SeedChart(
    "Seed by seed",
    "accuracy (%)",
    "figures/seeds.svg",
    "what it shows",
    "higher",
    (
        SeedPanel("spd", "strided", "spd", (SeedPair(0, 70.0, 73.0), SeedPair(1, 71.0, 70.0), SeedPair(2, 69.0, 69.0))),
        SeedPanel("maxpool", "strided", "maxpool", (SeedPair(0, 70.0, 75.0),)),
    ),
)
LADDER = LadderChart(
    "Effect of each change",
    "percentage points",
    "figures/ladder.svg",
    "what it shows",
    "strided",
    0.5,
    (
        Rung("maxpool", Estimate(4.9, 4.31, 5.49), Estimate(4.9, 4.2, 5.6), "better", "+4.90 [+4.31, +5.49]"),
        Rung("_hidden", Estimate(0.1, -0.3, 0.5), None, "equivalent", "+0.10 [-0.30, +0.50]"),
        Rung("worse one", Estimate(-3.0), None, "worse", "-3.00"),
    ),
)
INTERACTION = InteractionChart(
    "Interaction",
    "accuracy (%)",
    "figures/interaction.svg",
    "what it shows",
    (
        LinePanel(
            "",
            "mid_activation",
            (
                Line("segments 1", (0, 1), (Estimate(97.0, 96.0, 98.0), Estimate(92.0, 90.0, 94.0))),
                Line("segments 4", (0, 1), (Estimate(95.0, 94.0, 96.0), Estimate(89.0))),
            ),
            ("none", "relu"),
        ),
    ),
)
CURVES = CurveChart(
    "Learning curves",
    "",
    "figures/curves.svg",
    "what it shows",
    (
        LinePanel(
            "training loss (nats)",
            "epoch",
            (
                Line("strided", (1, 2, 3), (Estimate(2.0, 1.9, 2.1), Estimate(1.5, 1.4, 1.6), Estimate(1.2, 1.1, 1.3))),
                Line("spd", (1, 2, 3), (Estimate(1.9), Estimate(1.4), Estimate(1.0))),
            ),
        ),
    ),
)
PARETO = ParetoChart(
    "Accuracy against cost",
    "accuracy (%)",
    "figures/pareto.svg",
    "what it shows",
    (
        CostPanel(
            "parameters",
            (
                CostPoint("small", Estimate(100.0), Estimate(70.0, 69.0, 71.0), "front"),
                CostPoint("large", Estimate(900.0), Estimate(75.0, 74.0, 76.0), "front"),
                CostPoint("beaten", Estimate(500.0), Estimate(69.5, 68.0, 71.0), "dominated"),
                CostPoint("lost", Estimate(800.0), Estimate(60.0, 59.0, 61.0), "clearly dominated"),
            ),
        ),
        CostPanel(
            "latency (ms)",
            (
                CostPoint("small", Estimate(1.0, 0.9, 1.2), Estimate(70.0, 69.0, 71.0), "front"),
                CostPoint("large", Estimate(99.0, 90.0, 110.0), Estimate(75.0, 74.0, 76.0), "front"),
            ),
        ),
    ),
)
CHARTS: dict[str, Chart] = {
    "bars": BARS,
    "seeds": SEEDS,
    "ladder": LADDER,
    "interaction": INTERACTION,
    "curves": CURVES,
    "pareto": PARETO,
}


@pytest.fixture
def charts() -> dict[str, Any]:
    """One chart of every kind, by the name of its file."""
    return CHARTS


@pytest.fixture(params=CHARTS)
def chart(request: pytest.FixtureRequest) -> Chart:
    """Each of them."""
    return CHARTS[request.param]
