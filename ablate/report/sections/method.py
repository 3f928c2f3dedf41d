"""How the numbers came about, in plain words."""

from ablate.analysis.effects import EXACT_UP_TO_PAIRS, SAMPLED_FLIPS
from ablate.analysis.sequential import most_false_findings
from ablate.records import Results
from ablate.report.contrasting import crosses_factors
from ablate.report.derive import Tables
from ablate.report.document import Block, Bullets, Heading
from ablate.report.numbers import quantity, show

PAIRING = (
    "Every variant was trained with the same seeds{but}. Under one seed the variants see the same images in the same "
    "order with the same augmentation, and layers that agree in path and shape start from the same weights; so "
    "differences are taken seed by seed."
)
SHIFTED = (
    "Under other seeds than the rest were trained: {variants}. Such a variant shares no randomness with the others, "
    "and pairing it with them, in the order of the seeds, cancels nothing."
)
INTERVAL = (
    "The interval of a difference is the 95 % paired-t interval, and p belongs to it; it is not widened for the number "
    "of contrasts. d_z is the mean difference over its standard deviation."
)
SIGN_FLIPS = (
    "The sign-flip p assumes no distribution: it is the share of all ways to flip the signs of the differences that "
    f"give a mean at least as large (exact up to {EXACT_UP_TO_PAIRS} pairs, then {SAMPLED_FLIPS:,} random ones)."
)
HOLM = (
    "The verdict is decided at 5 % by p after Holm's correction over all {tested} and all claims on "
    "the same metric. Under 3 pairs there is none, and while a pair is missing it is inconclusive at best."
)
INCONCLUSIVE = (
    "Inconclusive means that these seeds cannot tell, not that there is no difference; with several tests it may be so "
    "although an interval leaves out zero."
)
CHANCE = (
    "Seeds are the only source of chance in these intervals and verdicts: they say what other seeds would give on "
    "these very test images, not what other images would. The second interval of a contrast on accuracy asks about "
    "both: the half-width over seeds and 1.96 standard errors of what the contrast comes to image by image, added in "
    "squares. The test images were read once a trial, after training."
)
BLOCKS = (
    "Seeds came in blocks of {start} until the intervals were narrow enough. That stops where spreads happen to look "
    "small: with a single contrast up to {rate:.1%} of studies without any difference would find one, instead of 5 %; "
    "with four or more, Holm's correction covers it."
)
EFFECTS = (
    "Several factors are crossed, so their main effects are tested: a level minus the baseline's level, with the other "
    "factors alike, averaged over all their combinations within each seed, which makes one number a seed. A seed "
    "counts once all the trials of the effect have finished. Single cells carry the interval of their mean over seeds "
    "and no verdict, and a main effect does not say that a level does the same in every cell."
)


def method(results: Results, tables: Tables) -> list[Block]:
    crossed = crosses_factors(results.plan)
    effects = [EFFECTS] if crossed else []
    holm = HOLM.format(tested="main effects" if crossed else "contrasts with the baseline")
    shifted = _shifted(results)
    said = (
        PAIRING.format(but=", but for what the next point names" if shifted else ""),
        *shifted,
        INTERVAL,
        SIGN_FLIPS,
        *effects,
        holm,
        INCONCLUSIVE,
        *_equivalence(results),
        *_blocks(results),
        CHANCE,
    )
    return [Heading("Method"), Bullets(said)]


def _shifted(results: Results) -> list[str]:
    """Names the variants whose seeds are shifted; plan.json says so of no other."""
    shifted = [
        f"{variant['variant']} (seed + {variant['train']['seed_offset']})"
        for variant in results.plan["variants"]
        if variant["train"] and "seed_offset" in variant["train"]
    ]
    return [SHIFTED.format(variants=", ".join(shifted))] if shifted else []


def _blocks(results: Results) -> list[str]:
    """Of a study whose seeds came in blocks, what that does to its findings."""
    seeds = results.plan["study"]["seeds"]
    if not isinstance(seeds, dict):
        return []
    return [BLOCKS.format(start=seeds["start"], rate=most_false_findings(seeds["start"]))]


def _equivalence(results: Results) -> list[str]:
    study = results.plan["study"]
    if study["primary"] not in study["margin"]:
        return ["No margin was stated, so no two variants can be called equivalent."]
    margin = show(study["primary"], study["margin"][study["primary"]])
    return [
        f"Equivalent means: two one-sided t tests place the difference within {margin} "
        f"{quantity(study['primary']).difference_unit} of zero, at 5 % after Holm's correction over as many; it goes "
        "before better and worse. A claim about such a difference has the badge `within the margin`."
    ]
