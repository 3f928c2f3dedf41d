"""From a plan to records: who trains which trial, when, and what follows on it.

options, events     how to run; what is told meanwhile
settling            what a run settles once, and keeps in the results folder
agenda, shelf       the trials that are left; the records that are there
supervise, crew     workers at work; workers that are timed
training            a function that trains jobs, with its ledger and workers
packing             how many trials share a GPU
cost_rounds, cost_phase
                    costs in rounds, and the sets that they make
rehearsal           trials of tuning and search, on images held out
tried, proposals    what was tried, and what to try next (Optuna)
tuning, tuning_phase
                    every variant's own values
searching, search_phase
                    combinations of levels and values
seeds               blocks of seeds, as the records ask for them
announce, showing   what the terminal, and Optuna's tools, are shown
"""
