"""What `ablate bench` measures: this machine, how a study's networks stand on it, how fast it trains them.

run        the whole, as JSON
placement  networks below the machine's ceilings
paces      the harness's loop beside bare steps and other ways to train
script     beside a script as one would write it by hand
studies    whole studies with one worker and with several
"""
