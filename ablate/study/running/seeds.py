"""How many seeds a study has: of `seeds: {start, at_most, until}`, as many blocks as the records ask for by now.

Every decision is made again from the records alone, so a run that was killed goes on to the same seeds.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from ablate.analysis.sequential import enough, seeds_so_far
from ablate.lookup import load_dotted
from ablate.records import finished_keys
from ablate.schema import SeedBlocks
from ablate.study.planning.plan import Plan
from ablate.study.running.events import Outlook, SeedsSettled

HALF_WIDTHS = "ablate.study.planning.compared:half_widths"  # of which only blocks of seeds have need


def grown(plan: Plan, folder: Path) -> Plan:
    """`plan` with every block of seeds that the records in `folder` ask for."""
    settled = settle(plan, folder)
    if settled is None or settled.planned == len(plan.seeds):
        return plan
    return plan.with_seeds(range(settled.planned))


def settle(plan: Plan, folder: Path) -> SeedsSettled | None:
    """Where the blocks of `plan` stand by the records in `folder`; None where seeds are counted or listed.

    What is decided after a block depends on the records of its seeds and of those before. Seeds that are planned are
    never taken back, even where `until` or `at_most` would not ask for them any more.
    """
    blocks = plan.study.config.seeds
    if not isinstance(blocks, SeedBlocks):
        return None
    finished = finished_keys(folder)
    # A variant has no more seeds with a record than there are records.
    known = plan.with_seeds(range(max(len(plan.seeds), min(blocks.at_most, len(finished)))))
    half_widths = load_dotted(HALF_WIDTHS)(known, folder)
    outlook: Outlook = "at most"
    judged, half_width = 0, math.nan
    for count in seeds_so_far(blocks.start, blocks.at_most):
        if not _is_whole(known, count, finished):
            outlook = "unfinished"
            break
        widths = half_widths(range(count))
        judged, half_width = count, _widest(widths)
        if enough(widths, blocks.until):
            outlook = "enough"
            break
    planned = max(count, len(plan.seeds))
    metric = plan.study.config.primary
    return SeedsSettled(metric, planned, blocks.at_most, blocks.until, outlook, judged, half_width)


def _is_whole(plan: Plan, count: int, finished: set[str]) -> bool:
    if count > len(plan.seeds):
        return False
    return all(planned.keys[seed] in finished for planned in plan.variants for seed in range(count))


def _widest(widths: Sequence[float]) -> float:
    return math.nan if any(math.isnan(width) for width in widths) else max(widths, default=math.nan)
