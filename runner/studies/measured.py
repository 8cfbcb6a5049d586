"""The evaluations of jobs as their sessions measure them, read again where there is something new."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from contract.events import MARK
from runner.curve.stitching import stitched
from runner.lineage import read_lineage
from runner.studies.judging import evaluations

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import RunsFolder
    from runner.studies.judging import Evaluated

_EVALUATION = f"{MARK}evaluation ".encode()


class _Known(NamedTuple):
    """The evaluations of a job, and how its sessions stood when they were read."""

    stands: tuple[int, ...]
    found: list[Evaluated]


class Measured:
    """What was measured of jobs.

    Args:
        runs: where their sessions are.
    """

    def __init__(self, runs: RunsFolder) -> None:
        self._runs = runs
        self._evaluated: dict[str, _Known] = {}
        self._looked_at: dict[Path, tuple[int, int]] = {}

    def evaluated(self, job: str, frequency: int) -> list[Evaluated]:
        """The evaluations of a job so far, by timesteps.

        Args:
            job: its name.
            frequency: timesteps between two of them.
        """
        head = read_lineage(self._runs, job).head
        if head is None:
            return []
        stands = (head.number, head.phase, self._marks(head.folder.log))
        known = self._evaluated.get(job)
        if known is None or known.stands != stands:
            known = _Known(stands, evaluations(stitched(self._runs, job), frequency))
            self._evaluated[job] = known
        return known.found

    def _marks(self, log: Path) -> int:
        """How many evaluations a log tells of; of one that grows only what is new is read."""
        offset, count = self._looked_at.get(log, (0, 0))
        with contextlib.suppress(FileNotFoundError), log.open("rb") as stream:
            stream.seek(offset)
            news = stream.read()
            whole = news[: news.rfind(b"\n") + 1]
            offset, count = offset + len(whole), count + whole.count(_EVALUATION)
        self._looked_at[log] = offset, count
        return count
