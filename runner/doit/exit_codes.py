"""How a command ends, for whoever calls it: a number, and which of two is the worse."""

from __future__ import annotations

from contract.errors import InputError, RelayError, UnderWayError
from runner.steering.standing import REFUSED_CODE, WOULD_RUN_CODE

DONE = 0
FAILED = RelayError.exit_code
ERROR = InputError.exit_code
UNDER_WAY = UnderWayError.exit_code
"""Only where a command does not wait: nobody needs to do anything, and the same command later goes on."""

ANSWERS = (WOULD_RUN_CODE, REFUSED_CODE)
"""Of commands that answer where jobs stand: better than any failure to find that out."""


def worst(*codes: int) -> int:
    """The code that tells most of what a person is needed for; what goes on by itself is better than any failure."""
    return max(codes, default=DONE, key=lambda code: (code not in (DONE, UNDER_WAY), code not in ANSWERS, code))
