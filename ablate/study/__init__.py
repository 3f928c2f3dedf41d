"""Studies: what each command does with one.

    reading/   the study file
    planning/  the plan that follows from it
    running/   the trials that the plan asks for
    run        `ablate run`: reading, planning, running, tables
    preview    `ablate plan`
    show       `ablate show`, with profile
    status     `ablate status`
    machine    what this machine is, asked in a process of its own

Imports point down: running sees planning, planning sees reading.
"""
