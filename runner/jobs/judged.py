"""Jobs that an earlier command has found to be right, by all that jobs.yaml states of each.

Judging ten thousand jobs takes two seconds, and an edit touches few of them. Whether a job is right, and what it is,
follows from its name, what is stated of it with the defaults below that, and the code that reads it: where all of
these are as they were, so is the job. What is wrong with a folder that it names as source is looked at each time.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FEWEST = 100
"""Jobs of a file, below which they are judged sooner than they are looked up."""


class Judged(NamedTuple):
    """A job as it was judged before: both forms, as JSON."""

    forms: memoryview


class KnownJobs(NamedTuple):
    """What is known of jobs before a file is read.

    Args:
        stated: the digest of what was stated of each, by its name.
        forms: both forms of such a job, as JSON.
    """

    stated: Mapping[str, str]
    forms: Callable[[str], memoryview | None]

    def find(self, name: str, stated: str) -> Judged | None:
        """The job of that name, if the same was stated of it."""
        if self.stated.get(name) != stated or (forms := self.forms(name)) is None:
            return None
        return Judged(forms)


NONE_KNOWN = KnownJobs({}, lambda _name: None)


class Stated(msgspec.Struct, frozen=True):
    """The file that remembers what was stated of the jobs in the cache.

    Args:
        stamp: of the jobs that it belongs to.
        readers: a digest of the code that has read them.
        digests: of what was stated of each, by its name.
    """

    stamp: str
    readers: str
    digests: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Stated | None:
        """What the file at `path` has; None where it is not there, or damaged."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, ValueError):  # what msgspec raises is a ValueError
            return None

    def write(self, path: Path) -> None:
        """Write it to the file at `path`."""
        files.write_bytes(path, msgspec.json.encode(self))


def digest_stated(name: str, values: dict[str, Any]) -> str:
    """A digest of all that is stated of a job: 1, 1.0, "1" and true are not the same, nor is another order."""
    return hashlib.sha256(repr((name, values)).encode()).hexdigest()
