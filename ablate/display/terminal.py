"""What is printed on."""

import sys

from rich.console import Console

UNBOUNDED = 10_000  # columns where there is no terminal: no line is ever that long, so none is wrapped


def console(stream: str) -> Console:
    """A console on `stdout` or `stderr`; where that is no terminal, lines are never wrapped or coloured.

    With NO_COLOR in the environment (no-color.org) a terminal gets plain text as well, in lines that fit it.
    """
    target = sys.stdout if stream == "stdout" else sys.stderr
    made = Console(file=target)
    if not made.is_terminal:
        return Console(file=target, width=UNBOUNDED)
    return Console(file=target, width=made.width, force_terminal=False) if made.no_color else made
