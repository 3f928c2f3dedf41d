"""How far a study has come."""

from ablate.records import Results


def progress_sentence(results: Results) -> str | None:
    """`Unfinished: 7 of 15 trials.`, with failures named; None when every planned trial has a result."""
    planned = sum(len(variant["keys"]) for variant in results.plan["variants"])
    finished = int(results.trials["state"].isin(["complete", "diverged"]).sum())
    failed = int((results.trials["state"] == "failed").sum())
    if finished == planned:
        return None
    failures = f", {failed} failed" if failed else ""
    return f"Unfinished: {finished} of {planned} trials{failures}. What is missing is in no table below."
