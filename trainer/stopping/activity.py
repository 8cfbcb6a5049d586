"""What a session is doing, and for how long it may: decisions for `trainer.stopping.watchdog`, which acts on them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

Section = Literal["preparation", "check", "rollout", "learning", "evaluation", "save", "end"]
"""`preparation` is what comes before the first rollout, but for the `check`; `end` closes the environments."""

WORDS: dict[Section, str] = {
    "preparation": "the preparation of the training",
    "check": "the check before the training",
    "rollout": "a rollout",
    "learning": "an update",
    "evaluation": "an evaluation",
    "save": "a save",
    "end": "the closing of the environments",
}
SHOWS_SIGNS: frozenset[Section] = frozenset({"rollout", "evaluation"})
"""Where each step is a sign of life."""

FACTOR = 10.0
"""How many times as long as its longest so far a section may take, where that is beyond the job's patience."""
GRACE_SECONDS = 20.0
"""Beyond the session limit, for a save and for what is alive; whoever kills from outside waits longer."""
ALIVE_SECONDS = 10.0
"""A sign of life is as old as this at most."""
END_SECONDS = 20.0
"""For closing the environments: everything is saved by then."""
ANSWER_SECONDS = 5.0
"""After which a session that was told by signals to end, and nevertheless goes on, is ended."""


@dataclass
class Activity:
    """What the main thread does; it writes here, and the watchdog reads.

    Section and moment are replaced as one, so that no reader sees one section since the moment of another.
    """

    now: tuple[Section, float] = field(default_factory=lambda: ("preparation", time.monotonic()))
    sign_at: float = field(default_factory=time.monotonic)
    longest: dict[Section, float] = field(default_factory=dict)

    def enter(self, section: Section) -> Section:
        """Note that another section begins, and give the one that ends."""
        before, since = self.now
        moment = time.monotonic()
        if moment - since > self.longest.get(before, 0.0):
            self.longest[before] = moment - since
        self.now = section, moment
        return before

    def show_sign(self, moment: float) -> None:
        """Note that something went on, at `moment` of `time.monotonic()`."""
        self.sign_at = moment

    def look(self, started: float) -> Look:
        """What is to be seen now of a session that began at `started`."""
        section, since = self.now
        moment = time.monotonic()
        silent = moment - max(since, self.sign_at)
        return Look(section, moment - since, silent, self.longest.get(section, 0.0), moment - started)


@dataclass(frozen=True)
class Look:
    """What is seen of a session at one moment, in seconds.

    Args:
        section: what it does.
        lasts: for how long it has done that.
        silent: since the latest sign of life.
        longest: that this section took so far in this session; 0 where it is the first.
        elapsed: since the session began.
    """

    section: Section
    lasts: float
    silent: float
    longest: float
    elapsed: float

    @property
    def is_alive(self) -> bool:
        """Whether it did a step, or began with something else, a moment ago."""
        return self.silent < ALIVE_SECONDS


def seconds_left(look: Look, limit: float, patience: float) -> float:
    """How long a session may go on like this; 0 or less where it is to be ended.

    Args:
        look: what is seen of it.
        limit: the session's, in seconds.
        patience: the job's: for how long nothing needs to be seen.
    """
    if look.section == "end":
        return END_SECONDS - look.lasts
    has_grace = look.section == "save" or look.is_alive
    until_limit = limit - look.elapsed + (GRACE_SECONDS if has_grace else 0.0)
    allowed = max(patience, FACTOR * look.longest)
    if look.section not in SHOWS_SIGNS:
        return min(until_limit, allowed - look.lasts)
    left = min(until_limit, patience - look.silent)
    # How long the first rollout takes nobody knows, and an evaluation has bounds of its own.
    return min(left, allowed - look.lasts) if look.section == "rollout" and look.longest else left


def disregards_signals(section: Section, signals: int, seconds: float) -> bool:
    """Whether a session goes on that was told to end at once.

    Before the training nothing can be lost, and one signal says so; later it takes two. A save that is under way is
    finished, and the environments are closed, since that is what the session would do next.

    Args:
        section: what it does.
        signals: how many came.
        seconds: since the latest.
    """
    if section in ("save", "end") or seconds < ANSWER_SECONDS:
        return False
    return signals >= (1 if section in ("preparation", "check") else 2)
