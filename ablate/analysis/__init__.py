"""Statistics: paired contrasts, verdicts, claims, ratios of costs. Free of torch.

effects      one array of differences -> mean, interval, p-values
factorial    pairs, main effects, interactions -> variants with weights
pairing      a table of trials, and weights -> differences paired by seed
unpaired     two groups of values that share no seed
verdicts     Holm over a family, and the words that follow
improvement  how often a variant is the better one
images       bits, one a trial and test image -> intervals over seeds and images
claims       which variants a published difference is about
conclusions  all of it together, as tables
summary      each variant by itself
grid         a metric over every combination of the levels of several factors
crossed      analysis of variance, interactions, where one factor at a time would mislead
pareto       accuracy against costs
dominance    whom nobody else beats in every objective
power        how many seeds a difference takes
sequential   seeds in blocks, until intervals are narrow enough
ratios       what was measured round by round -> medians, ratios, intervals, verdicts
counting     what becomes of a printed number once its meanings are counted
"""

from typing import TYPE_CHECKING

from ablate.lookup import on_first_use

if TYPE_CHECKING:
    from ablate.analysis.conclusions import Conclusions, conclude, contrasts
    from ablate.analysis.summary import summarise

__all__ = ["Conclusions", "conclude", "contrasts", "summarise"]

__getattr__ = on_first_use(
    __name__,
    {
        **{name: f"ablate.analysis.conclusions:{name}" for name in ("Conclusions", "conclude", "contrasts")},
        "summarise": "ablate.analysis.summary:summarise",
    },
)
