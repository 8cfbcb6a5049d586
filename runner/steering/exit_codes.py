"""How a command ends, for whoever calls it: a number, and which of two is the worse."""

from __future__ import annotations

from contract.errors import InputError, RelayError, UnderWayError

DONE = 0
FAILED = RelayError.exit_code
ERROR = InputError.exit_code
UNDER_WAY = UnderWayError.exit_code
"""Only where a command does not wait: nobody needs to do anything, and the same command later goes on."""

WOULD_RUN = 10
REFUSED = 11
INTERRUPTED = 130
UNREAD = 141
"""Nobody reads any more what is printed. Like the one before: 128 and the number of a signal, as other programs end."""
ANSWERS = (WOULD_RUN, REFUSED)
"""Of commands that answer where jobs stand: better than any failure to find that out."""


def worst(*codes: int) -> int:
    """The code that tells most of what a person is needed for; what goes on by itself is better than any failure."""
    return max(codes, default=DONE, key=lambda code: (code not in (DONE, UNDER_WAY), code not in ANSWERS, code))
