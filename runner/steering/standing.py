"""Where a job stands, in one word, and the exit code by which a program is told."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from runner.planning.decide import REFUSALS, Attach, Nothing
from runner.steering.exit_codes import DONE, REFUSED, UNDER_WAY, WOULD_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.planning.decide import Decision


class Standing(enum.StrEnum):
    """What a command that runs a job would find."""

    NOTHING_TO_DO = "nothing to do"
    RUNNING = "running"
    WOULD_RUN = "would run"
    REFUSED = "refused"


_CODES = {
    Standing.NOTHING_TO_DO: DONE,
    Standing.RUNNING: UNDER_WAY,
    Standing.WOULD_RUN: WOULD_RUN,
    Standing.REFUSED: REFUSED,
}
_BY_NEED = tuple(_CODES)
"""From what needs nobody to what needs a person."""


def judge_standing(decision: Decision) -> Standing:
    """The word for a decision."""
    if isinstance(decision, Nothing):
        return Standing.NOTHING_TO_DO
    if isinstance(decision, REFUSALS):
        return Standing.REFUSED
    return Standing.RUNNING if isinstance(decision, Attach) else Standing.WOULD_RUN


def exit_code(standings: Iterable[Standing]) -> int:
    """The code for several jobs: of the one that somebody is needed for most."""
    return _CODES[max(standings, key=_BY_NEED.index, default=Standing.NOTHING_TO_DO)]
