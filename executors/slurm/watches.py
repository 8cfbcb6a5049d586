"""What this process has seen of jobs at Slurm, and when it is to look again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from executors.shared_sandboxes import log_size
from executors.slurm.standing import pause

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from executors.slurm.words import SlurmJob


@dataclass(frozen=True)
class Watch:
    """What was seen of a job.

    Args:
        job: Slurm's latest answer.
        asked: how often it was asked.
        asked_at: when last, by the monotonic clock.
        since: since when the answer has been the same, and the log as long.
        log: how long that is.
    """

    job: SlurmJob | None = None
    asked: int = 0
    asked_at: float = 0.0
    since: float = 0.0
    log: int = -1


class Watches:
    """What was seen of each job, by the name of its sandbox."""

    def __init__(self) -> None:
        self._latest: dict[str, Watch] = {}

    def is_due(self, name: str) -> bool:
        """Whether Slurm is to be asked after a job now."""
        watch = self._latest.get(name)
        return watch is None or time.monotonic() - watch.asked_at >= pause(watch.asked)

    def latest(self, name: str) -> Watch:
        """What was seen last of a job that was asked after."""
        return self._latest[name]

    def note(self, name: str, sandbox: Path, jobs: Sequence[SlurmJob]) -> Watch:
        """Keep what Slurm says now, with since when it has.

        Args:
            name: of the job's sandbox.
            sandbox: it.
            jobs: those of its name, oldest first.
        """
        watch, now = self._latest.get(name), time.monotonic()
        job = next((each for each in jobs if not each.is_over), jobs[-1] if jobs else None)
        size = log_size(sandbox)
        is_new = watch is None or (watch.job, watch.log) != (job, size)
        since = now if watch is None or is_new else watch.since
        self._latest[name] = Watch(job, watch.asked + 1 if watch else 1, now, since, size)
        return self._latest[name]

    def forget(self, name: str) -> None:
        """A job is asked after no more."""
        self._latest.pop(name, None)
