"""Statistics: paired contrasts, verdicts, claims, ratios of costs. Free of torch.

effects      one array of differences -> mean, interval, p-values
factorial    pairs, main effects, interactions -> variants with weights
pairing      a table of trials, and weights -> differences paired by seed
verdicts     Holm over a family, and the words that follow
claims       which variants a published difference is about
conclusions  all of it together, as tables
summary      each variant by itself
ratios       what was measured round by round -> medians, ratios, intervals, verdicts
"""

from ablate.analysis.conclusions import Conclusions, conclude, contrasts
from ablate.analysis.summary import summarise

__all__ = ["Conclusions", "conclude", "contrasts", "summarise"]
