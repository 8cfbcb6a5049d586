"""For how long a session may use a GPU: never for longer than the week's quota lasts.

A session that the quota ends may lose what it has not saved. So it is told to end before that, and one for which there
is too little time to gain anything waits until there is more.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.documents.runs import Package, Request, Restored
from contract.errors import BackendBusyError, BackendError
from job.model import parse_job, session_part
from runner.backends.kaggle.api.answers import NoAnswerError
from runner.backends.kaggle.api.quota import Quota, ask_quota
from runner.backends.kaggle.kernels.metadata import SESSION_MARGIN_SECONDS
from runner.display import duration_text
from runner.layout import SessionFolder
from runner.stages.session_script import LIMIT_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.backends.kaggle.api.connection import Connection

SETUP_SECONDS = 180.0
"""From the start of its machine to its first rollout: a container, torch, the check before the training."""
SAVE_AND_UPLOAD_SECONDS = 120.0
"""For a last checkpoint, and for Kaggle to keep it."""
TWO_ROLLOUTS_SECONDS = 300.0
"""Where nothing of the run was measured yet."""
SHORTEST_WAIT_SECONDS = 60.0
"""Between two attempts to submit where Kaggle takes no further session."""


class Needs(NamedTuple):
    """What a session asks for and what it cannot do without, in seconds.

    Args:
        limit: how long it may last by its job.
        least: with less than that it gains nothing.
    """

    limit: float
    least: float


def needs(limit: float, rollout_timesteps: int, steps_per_second: float | None) -> Needs:
    """What a session needs: its setup, two rollouts, a save and an upload.

    Args:
        limit: how long it may last by its job.
        rollout_timesteps: of its job.
        steps_per_second: of the session before it; None where there is none.
    """
    rollouts = 2 * rollout_timesteps / steps_per_second if steps_per_second else TWO_ROLLOUTS_SECONDS
    return Needs(limit, min(limit, SETUP_SECONDS + rollouts + SAVE_AND_UPLOAD_SECONDS))


def allowed(needed: Needs, quota: Quota) -> float | None:
    """Seconds that a session may last; None where too little is left for one that gains anything.

    Kaggle is to end it later than it ends by itself, and even that is within the quota.
    """
    lasts = min(needed.limit, quota.free.total_seconds() - SESSION_MARGIN_SECONDS)
    return None if lasts < needed.least else lasts


def limited(script: str, seconds: float) -> str | None:
    """The script of a session that ends after so many seconds; None where it knows no limit but its job's.

    Neither its key nor anything that the key covers changes: it is the same session, cut elsewhere.
    """
    begin, line, rest = script.partition(LIMIT_LINE.format(0.0))
    return f"{begin}{LIMIT_LINE.format(float(seconds))}{rest}" if line else None


class Spending:
    """What is left of an account's GPU time, and what a session may spend of it.

    Args:
        connect: gives the connection to Kaggle.
        busy_pause: seconds between two attempts where there is too little.
    """

    def __init__(self, connect: Callable[[], Connection], busy_pause: float) -> None:
        self._connect = connect
        self._busy_pause = busy_pause

    def quota(self) -> Quota | None:
        """What is left; a convenience, which nothing waits for."""
        with contextlib.suppress(NoAnswerError, BackendError):
            return ask_quota(self._connect())
        return None

    def in_words(self) -> str:
        """The same, to follow a sentence."""
        quota = self.quota()
        return f"; {quota}" if quota is not None else ""

    def allow(self, folder: SessionFolder, metadata: Mapping[str, Any]) -> float | None:
        """Seconds that a packaged session may last by what is left; None where its job says less.

        Raises:
            BackendBusyError: too little is left for it now.
        """
        quota = self.quota() if metadata["enable_gpu"] else None
        if quota is None or not quota.is_known:
            return None
        if quota.is_used_up:
            raise self._busy(f"has no GPU for another session now: {quota}")
        needed = _session_needs(folder)
        seconds = allowed(needed, quota)
        if seconds is None:
            least = duration_text(needed.least + SESSION_MARGIN_SECONDS)
            raise self._busy(f"has too little GPU time left, where a session needs {least}: {quota}")
        return seconds if seconds < needed.limit else None

    def _busy(self, problem: str) -> BackendBusyError:
        return BackendBusyError("Kaggle", problem, wait_seconds=self._busy_pause)


def _session_needs(folder: SessionFolder) -> Needs:
    """What a packaged session needs, by what the session that it goes on from has measured."""
    job, parent = parse_job(session_part(Package.read(folder.package_json).job)), Request.read(folder.request).parent
    before = SessionFolder(folder.path.parent / parent.session).restored_json if parent is not None else None
    speed = Restored.read(before).outcome.steps_per_second if before is not None and before.exists() else None
    return needs(job.session_limit, job.rollout_timesteps, speed)
