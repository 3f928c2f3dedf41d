"""From a study to its plan: what each variant is, what it counts, which trials there are.

variants    the combinations resolved: network, data, recipe
searched    variants that a search looks for
match       widths with the baseline's budget
budget      lengths with the baseline's training
tuned       values that tuning has chosen, or is awaited for
surveys     counts, never taken twice
keys        what decides a trial's outcome, as its key
stated      what the study set out to ask, and when that changed
plan        all of it, and what may not change in it; plan.json
planner     makes it: `plan_study`
compared    which differences a plan tests
power       what its seeds can show
devices     which devices are meant
"""
