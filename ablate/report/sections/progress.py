"""How far a study has come."""

from ablate.records import ENDED, Results

MOST_NAMED = 12  # variants


def trial_counts(results: Results) -> tuple[int, int]:
    """Trials that are planned, and those of them that have an outcome; what variants share counts once."""
    planned = {key for variant in results.plan["variants"] for key in variant["keys"].values()}
    return len(planned), int(results.trials[results.trials["state"].isin(ENDED)]["key"].nunique())


def progress_sentence(results: Results) -> str | None:
    """`Unfinished: 7 of 15 trials.`, with failures named; None when every planned trial has a result."""
    planned, finished = trial_counts(results)
    failed = int(results.trials[results.trials["state"] == "failed"]["key"].nunique())
    if finished == planned:
        return None
    failures = f", {failed} failed" if failed else ""
    return f"Unfinished: {finished} of {planned} trials{failures}. What is missing is in no table below."


def missing_sentence(results: Results) -> str | None:
    """`Missing: spd, seeds 2 and 5; maxpool, all seeds.`, of very many variants the first; None when nothing is."""
    known = results.trials[results.trials["state"].isin(ENDED)]
    finished = set(zip(known["variant"], known["seed"], strict=True))
    left = {
        variant["variant"]: [int(seed) for seed in variant["keys"] if (variant["variant"], int(seed)) not in finished]
        for variant in results.plan["variants"]
    }
    planned = {variant["variant"]: len(variant["keys"]) for variant in results.plan["variants"]}
    told = [f"{name}, {_seeds(seeds, planned[name])}" for name, seeds in left.items() if seeds]
    if not told:
        return None
    more = f"; and {len(told) - MOST_NAMED} more variants" if len(told) > MOST_NAMED else ""
    return f"Missing: {'; '.join(told[:MOST_NAMED])}{more}."


def _seeds(missing: list[int], planned: int) -> str:
    if len(missing) == planned:
        return "all seeds"
    return f"seed{'s' if len(missing) > 1 else ''} {', '.join(map(str, sorted(missing)))}"
