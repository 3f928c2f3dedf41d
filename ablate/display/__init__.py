"""What a person sees in a terminal: the progress of a run, and report blocks.

progress   what is known of a run: where every trial stands, how many are done, how long the rest will take
words      what is said of it: one plain line an event, a text for every cell
live       `Display`, the observer of a run: a live table on a terminal, plain lines elsewhere
blocks     `print_blocks`, report blocks for reading in a terminal
terminal   `console`, what all of it is printed on
"""

from ablate.display.blocks import print_blocks
from ablate.display.live import Display
from ablate.display.terminal import console

__all__ = ["Display", "console", "print_blocks"]
