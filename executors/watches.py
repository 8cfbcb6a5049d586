"""What this process has seen of jobs of a cluster, and when it is to look again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from executors.shared_sandboxes import log_size

if TYPE_CHECKING:
    from pathlib import Path

Job = TypeVar("Job")
"""What a cluster says of a job."""

LONGEST_PAUSE_SECONDS = 30.0


def pause(asked: int) -> float:
    """Seconds between two looks at a cluster after so many: each costs whoever answers all its users something."""
    return min(LONGEST_PAUSE_SECONDS, 0.5 * 1.5 ** min(asked, 20))


@dataclass(frozen=True)
class Sighting(Generic[Job]):
    """What was seen of a job.

    Args:
        job: the cluster's latest answer; None where it knows of none.
        asked: how often it was asked.
        asked_at: when last, by the monotonic clock.
        since: since when the answer has been the same, and the log as long.
        log: how long that is.
    """

    job: Job | None
    asked: int
    asked_at: float
    since: float
    log: int


class Watches(Generic[Job]):
    """What was seen of each job, by the name of its sandbox."""

    def __init__(self) -> None:
        self._latest: dict[str, Sighting[Job]] = {}

    def is_due(self, name: str) -> bool:
        """Whether the cluster is to be asked after a job now."""
        sighting = self._latest.get(name)
        return sighting is None or time.monotonic() - sighting.asked_at >= pause(sighting.asked)

    def latest(self, name: str) -> Sighting[Job]:
        """What was seen last of a job that was asked after."""
        return self._latest[name]

    def note(
        self, name: str, sandbox: Path, job: Job | None, *, would_have_said_since: float | None = None
    ) -> Sighting[Job]:
        """Keep what the cluster says now, with since when it has.

        Args:
            name: of the job's sandbox.
            sandbox: it.
            job: what the cluster says of it.
            would_have_said_since: since when an answer that is as the last one was would have been the same.
        """
        before, now, log = self._latest.get(name), time.monotonic(), log_size(sandbox)
        since = now
        if before is not None and (before.job, before.log) == (job, log):
            since = before.since if would_have_said_since is None else min(before.since, would_have_said_since)
        self._latest[name] = Sighting(job, before.asked + 1 if before else 1, now, since, log)
        return self._latest[name]

    def forget(self, name: str) -> None:
        """A job is asked after no more."""
        self._latest.pop(name, None)
