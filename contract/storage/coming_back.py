"""Which files of a session come back: one rule for every backend, whatever an environment has left beside them.

The session's own files always come. Of others (records, videos, tables of an environment's own), those come that are
plain files with a name that every system can have, as many as fit: what a session leaves is bounded, and nothing odd in
it keeps its checkpoints from being adopted. What stays behind is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.plain_text import one_line
from contract.storage import layout
from contract.storage.confinement import Strictness, confined, one_spelling
from contract.storage.files import human_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_EXTRA_FILES = 1_000
MOST_EXTRA_BYTES = 1 << 30
MOST_NAMES = 100
"""Of what stays behind: the rest is counted."""
_LONGEST_NAME = 120
_OWN = re.compile(
    rf"{layout.METADATA_FILE}|{layout.METRICS_FILE}|{layout.MANIFEST_FILE}|{layout.BEST_MODEL}|[^/]+_final\.zip"
    rf"|{layout.CHECKPOINTS_FOLDER}/[^/]+_checkpoint_[0-9]+_steps\.zip"
    rf"|{layout.CHECKPOINTS_FOLDER}/{layout.REPLAY_FOLDER}/[0-9a-f]{{64}}\.segment"
)
NO_PLAIN_FILE = "not a plain file"
ODD_NAME = "no name that every system has"
UNREADABLE = "cannot be read"


def is_own(name: str) -> bool:
    """Whether a file of this name, with `/` between its parts, is one that sessions themselves leave."""
    return _OWN.fullmatch(name) is not None


@dataclass
class ComingBack:
    """Decides which files come, one after the other, and notes which do not.

    Args:
        files: how many extra ones may come.
        bytes: how many they may have together.
        own: names that are the session's own beside those that always are, as its manifest lists them.
    """

    files: int | None = MOST_EXTRA_FILES
    bytes: int | None = MOST_EXTRA_BYTES
    own: frozenset[str] = frozenset()
    left: list[str] = field(default_factory=list)
    left_count: int = 0
    _spellings: set[str] = field(default_factory=set)

    @classmethod
    def all_of_it(cls) -> ComingBack:
        """For whoever keeps everything that has a name: however much it is."""
        return cls(files=None, bytes=None)

    def takes(self, name: str, size: int) -> bool:
        """Whether the plain file of that name and size comes."""
        if is_own(name) or name in self.own:
            return True
        problem = self._problem_with(name, size)
        if problem is not None:
            self.leave(name, problem)
            return False
        self._spellings.add(one_spelling(name))
        self.files = None if self.files is None else self.files - 1
        self.counts(size)
        return True

    def counts(self, size: int) -> None:
        """Take note of bytes that came."""
        self.bytes = None if self.bytes is None else self.bytes - size

    def leave(self, name: str, why: str) -> None:
        """Note that a file or folder stays behind."""
        self.left_count += 1
        if len(self.left) < MOST_NAMES:
            self.left.append(f"{one_line(name, _LONGEST_NAME)}: {why}")

    @property
    def left_behind(self) -> tuple[str, ...]:
        """What stays behind, one after the other, and how many more."""
        more = self.left_count - len(self.left)
        return (*self.left, f"and {more:,} more") if more else tuple(self.left)

    def _problem_with(self, name: str, size: int) -> str | None:
        strictness = Strictness.THIS_SYSTEM if self.files is None else Strictness.EVERY_SYSTEM
        if confined(name, strictness) is None:
            return ODD_NAME
        spelling = one_spelling(name)
        if self.files is not None and (spelling in self._spellings or is_own(spelling)):
            return "has the name of another file where case is ignored"
        if self.files is not None and self.files < 1:
            return f"more than {MOST_EXTRA_FILES:,} files beside the session's own"
        if self.bytes is not None and size > self.bytes:
            return f"{human_bytes(size)}, and {human_bytes(MOST_EXTRA_BYTES)} may come beside the session's own"
        return None


def in_a_sentence(left_behind: Sequence[str], most: int = 3) -> str:
    """What stays behind, in short: the first names, and how many more."""
    shown = "; ".join(left_behind[:most])
    more = len(left_behind) - most
    return f"{shown}; and more" if more > 0 else shown
