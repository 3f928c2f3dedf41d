"""Text from files, programs and people, such that nobody who shows it acts on it."""

import re

# Control characters but for the line end and the tab, what ends lines elsewhere, and what turns the direction of text,
# so that it reads otherwise than it is (Boucher & Anderson 2023, Trojan Source, USENIX Security).
ACTED_ON = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    r"""`text` with every character that terminals or browsers act on spelled out: `\x1b[31m` for what would be red."""
    return ACTED_ON.sub(lambda found: repr(found.group())[1:-1], text)
