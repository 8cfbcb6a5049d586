"""What was found, as values: what was looked at, how it stands, why, and what to type next."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(enum.StrEnum):
    """What a check is about, in the order in which they are made."""

    INSTALLATION = "installation"
    FOLDERS = "folders"
    CHECKPOINTS = "checkpoints"
    LINEAGES = "lineages"
    RESUMING = "resuming"
    BACKENDS = "backends"


class Level(enum.StrEnum):
    """How something stands: only an issue keeps a store from being verified."""

    SUCCESS = "success"
    WARNING = "warning"
    ISSUE = "issue"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        kind: the check that looked.
        level: how it stands.
        what: what was looked at, and what was found.
        reason: of a warning or an issue, what it means; of something skipped, why.
        next_command: what to type or do next; a warning and an issue have one.
    """

    kind: Kind
    level: Level
    what: str
    reason: str = ""
    next_command: str = ""


@dataclass(frozen=True)
class Verdict:
    """All that was found.

    Args:
        findings: it.
        kinds: the checks that were made.
    """

    findings: tuple[Finding, ...]
    kinds: tuple[Kind, ...] = tuple(Kind)

    def count(self, level: Level) -> int:
        """How many findings are of a level."""
        return sum(each.level is level for each in self.findings)

    @property
    def is_verified(self) -> bool:
        """Whether nothing of what was looked at keeps the store from being relied on."""
        return not self.count(Level.ISSUE)

    @property
    def left_out(self) -> tuple[Kind, ...]:
        """The kinds of checks that were not made."""
        return tuple(each for each in Kind if each not in self.kinds)


def verdict(findings: Iterable[Finding], kinds: Iterable[Kind] = Kind) -> Verdict:
    """What findings of some kinds come to; one that was made twice counts once."""
    return Verdict(tuple(dict.fromkeys(findings)), tuple(kinds))
