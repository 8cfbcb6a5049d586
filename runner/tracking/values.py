"""A run of a tracker's, as values, and what a tracker has to be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from contract.documents.typed_json import Document
from contract.errors import RelayError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner.curve.measurements import Measurement

Held = Mapping[str, Mapping[int, float]]
"""What a run has already: the value of each key at each timesteps."""


class Tracked(Document, frozen=True, kw_only=True):
    """Which run a lineage is in a tracker: written before anything of it is sent, so that a kill leaves no second one.

    Args:
        identity: of the lineage.
        part: 1, and one more each time that what was sent has been replaced.
        project: what the run is filed under there, as it was when the first part began.
        delivered: how many rows of the outbox the tracker has taken, where it cannot be asked.
    """

    identity: str
    part: int
    project: str
    delivered: int = 0


@dataclass(frozen=True)
class Run:
    """A run, as it is to be in a tracker.

    Args:
        identity: of the lineage: no other one has it, wherever its folder lies.
        part: 1, and one more each time that what was sent has been replaced.
        job: the job's name.
        project: what it is filed under.
        parameters: the job, flat.
        tags: what else is to be known.
        delivered: how many rows of an outbox the tracker has taken, as far as that was noted.
    """

    identity: str
    part: int
    job: str
    project: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    delivered: int = 0

    @property
    def id(self) -> str:
        """What tells the run from all others."""
        return self.identity if self.part == 1 else f"{self.identity}-{self.part}"

    @property
    def name(self) -> str:
        """For people."""
        return self.job if self.part == 1 else f"{self.job}-{self.part}"


class Sent(NamedTuple):
    """Where a run is to be seen, in the tracker's words, and how many rows of an outbox it has taken."""

    where: str
    delivered: int = 0


class UnknownRowsError(RelayError):
    """The tracker's run holds something that is known neither here nor to be asked for."""


class UnreachableError(RelayError):
    """The tracker gives no answer, or refuses: what was not sent is sent by the next command."""


class Tracker(Protocol):
    """An experiment tracker, by the library of its own."""

    name: str

    def called(self, key: str) -> str:
        """What a key is called there, where not all characters may be in a name."""

    def held(self, run: Run) -> Held:
        """What it has of `run`; nothing where there is no such run yet.

        Raises:
            UnreachableError: it gives no answer.
        """

    def send(self, run: Run, points: Sequence[Measurement]) -> Sent:
        """Let it have `points`, which it has not, by timesteps.

        Raises:
            UnreachableError: it gives no answer.
            UnknownRowsError: it holds more of the run than `held` tells.
        """


class Place(NamedTuple):
    """Where a tracker keeps what it needs on this machine.

    Args:
        folder: of the lineage's, `runs/<job>/tracking/`.
    """

    folder: Path

    def record(self, tracker: str) -> Path:
        """Which run the lineage is there."""
        return self.folder / f"{tracker}.json"

    def lock(self, tracker: str) -> Path:
        """Held by who sends."""
        return self.folder / f"{tracker}.lock"

    def outbox(self, tracker: str, part: int) -> Path:
        """Everything that was sent of a part, or is about to be."""
        return self.folder / f"{tracker}-{part}.jsonl"
