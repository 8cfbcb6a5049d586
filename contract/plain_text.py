"""Text of strangers, as a terminal may be given it: nothing in it moves a cursor, sets a title or turns a line."""

from __future__ import annotations

import re
import sys

LONGEST_SENTENCE = 500
_STYLE = r"\x1b\[[0-9;:]*m"
"""What sets colours and weights; whatever reads plain text leaves it out."""
_CONTROLS = (
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # all but the tab
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of what follows
    "\u2028\u2029\ud800-\udfff]"  # ends of lines and of paragraphs, and halves of characters
)


def plain(text: str) -> str:
    """`text` without colours, and with every other control character spelled out as in Python's literals."""
    return re.sub(_CONTROLS, lambda found: ascii(found[0])[1:-1], re.sub(_STYLE, "", text))


def one_line(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """`text` as a part of a sentence: on one line, plain, and cut where it is longer than `longest` characters."""
    joined = plain(" ".join(text[: 2 * longest].split()))
    return joined if len(joined) <= longest and len(text) <= 2 * longest else f"{joined[:longest]}…"


def encodable(text: str, stream: object) -> str:
    """`text` with those characters spelled out that `stream` cannot take.

    Args:
        text: to be written.
        stream: where to; one that names no encoding stands before standard output.
    """
    named = (getattr(each, "encoding", None) for each in (stream, sys.__stdout__))
    encoding: str = next(filter(None, named), "utf-8")
    return text.encode(encoding, "backslashreplace").decode(encoding)
