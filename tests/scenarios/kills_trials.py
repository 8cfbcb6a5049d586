"""Many lineages that are cut off, each held against the uninterrupted run of its job."""

from __future__ import annotations

import contextlib
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

from tests.scenarios.kills import Lineage, Strike
from tests.scenarios.kills_checks import (
    Tally,
    Whole,
    check_end,
    check_giving_up,
    check_kill,
    check_outcome,
    check_stop,
)
from tests.scenarios.kills_child import SIGKILL
from tests.scenarios.kills_curves import curve_of, measured
from tests.scenarios.kills_jobs import JOBS, SEGMENT_BYTES, job_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.kills import Cut
    from tests.scenarios.kills_child import Blow


class Trials:
    """Lineages to be cut off, and the uninterrupted runs that they are held against.

    Args:
        folder: where they lie while they are needed.
        long: whether to take the time for all of them.
    """

    def __init__(self, folder: Path, *, long: bool) -> None:
        self.long = long
        self.tally = Tally()
        self._folder = folder
        self._lineages = 0
        self._wholes: dict[str, Whole] = {}

    @contextlib.contextmanager
    def lineage(self, name: str, after: Lineage | None = None) -> Iterator[Lineage]:
        """A lineage of the job of that name, without a session or with those of `after`."""
        self._lineages += 1
        place = self._folder / f"{self._lineages:04d}"
        lineage = after.branch(place) if after else Lineage(place, job_values(name), SEGMENT_BYTES)
        try:
            yield lineage
        except BaseException as error:
            error.add_note(f"{name} after {', then '.join(lineage.history) or 'nothing'}: {place}")
            raise
        lineage.remove()  # hundreds of them would fill the disk; one that failed stays to be looked at

    def whole(self, name: str) -> Whole:
        """The uninterrupted run of the job of that name."""
        if name not in self._wholes:
            with self.lineage(name) as lineage:
                cut = lineage.session()
                self._wholes[name] = Whole.of(cut, measured(curve_of(lineage)))
                check_end(cut, self._wholes[name])
        return self._wholes[name]

    def some_of(self, *quick: str) -> tuple[str, ...]:
        """The names of all jobs, or of these where time is short."""
        return tuple(JOBS) if self.long else quick

    def cut(self, lineage: Lineage, *blows: Blow, strike: Strike | None = None) -> Cut:
        """Cut the next session off, unless it ends before, and look at what it left."""
        job, whole = lineage.job, self.whole(lineage.job.name)
        cut = lineage.session(*blows, strike=strike)
        loss = None
        signals = [each.name for one in (*blows, strike) if one for each in one.signals]
        if cut.code == 0:
            check_end(cut, whole)
            return cut
        if cut.code == -SIGKILL:
            loss = check_kill(cut, job, whole)
        else:
            assert cut.code == 128 + {"SIGTERM": SIGTERM, "SIGINT": SIGINT}[signals[0]], cut.log
            if cut.metadata.interrupted_by == signals[0]:
                check_stop(cut)
            else:
                assert cut.metadata.interrupted_by == ", then ".join(signals[:2])
                check_giving_up(cut, job, whole)
        where = "a moment" if strike else f"{' and '.join(each.event for each in blows)}"
        self.tally.count(f"{' and '.join(signals)} at {where}", job.name, loss)
        return cut

    def end(self, lineage: Lineage) -> None:
        """Go on to the goal, and compare with the uninterrupted run."""
        whole, last = self.whole(lineage.job.name), lineage.last
        if last is not None and last.newest == whole.timesteps:
            check_outcome(last, whole)
        else:
            check_end(lineage.session(), whole)
