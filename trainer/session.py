"""One session: from an input folder, with or without a parent, to artifacts."""

from __future__ import annotations

import functools
import math
import traceback
from typing import TYPE_CHECKING, NamedTuple

from contract import events
from contract.errors import DivergedError, RelayError, SessionError
from contract.storage.layout import Artifacts
from trainer.checkpoint.writer import ArtifactWriter
from trainer.divergence import NAN_LOSS
from trainer.environments.checks.faults import FAULTY_ENVIRONMENT, FaultyEnvironmentError
from trainer.environments.self_check import MadeOnceError
from trainer.metrics import recorder
from trainer.progress import Progress
from trainer.stopping.interruption import Interruption, SessionInterrupted, exit_code
from trainer.stopping.watchdog import Watchdog
from trainer.training import prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trainer.session_input import SessionInput
    from trainer.stopping.watchdog import ForcedEnd


LAST_WORDS_SECONDS = 15.0
"""For the metadata of a session that hangs: the disk may be what it hangs on."""


class Outcome(NamedTuple):
    """How a session ended: why before its goal, the error in one sentence, the exit code."""

    reason: str | None = None
    error: str | None = None
    code: int = 0


def run_session(
    session_input: SessionInput,
    output: Path,
    started: float,
    end: Callable[[int], None] | None = None,
    *,
    unchecked: str | None = None,
    limit: float = math.inf,
) -> int:
    """Train until the goal, or until something ends the session; return the process's exit code.

    Whatever happens, the artifacts written before it are whole, and the metadata says why it ended.

    Args:
        session_input: job, request and perhaps a parent.
        output: the folder for the artifacts.
        started: `time.monotonic()` when the session began.
        end: ends the process with an exit code; a session that hangs is ended where there is such a way.
        unchecked: why its environments are not checked before the training; None where they are.
        limit: seconds that it may last where it runs, if that is less than its job says.

    Raises:
        MadeOnceError: the check has made the only environment that this process can make; nothing is written yet.
    """
    job = session_input.job
    progress = Progress(session_input)
    writer = ArtifactWriter(Artifacts(output, job.name), session_input.key)
    limit = min(limit, job.session_limit)
    interruption = Interruption(started, limit)
    outcome: Outcome | None = None
    watchdog: Watchdog | None = None
    if end is not None:

        def last_words(forced: ForcedEnd) -> None:
            _end_by_force(progress, writer, forced)

        limits = limit, job.patience
        watchdog = Watchdog(interruption, limits, f"environment {job.env.id}", last_words, end)
        watchdog.start()

    def train() -> None:
        nonlocal outcome
        interruption.listen()
        with interruption.preparing(), prepared(progress, writer, interruption, unchecked) as training:
            outcome = _attempt(training.run, session_input)
            # Before the environments are closed: whatever comes of that, the session is worth what it has come to.
            with interruption.saving():
                interruption.last_word.acquire()
                outcome = _publish(progress, writer, outcome)
            interruption.exit_code = outcome.code
            interruption.enter("end")

    try:
        around = _attempt(train, session_input)
    except MadeOnceError:
        writer.close()
        if watchdog is not None:
            watchdog.stop()
        raise
    if outcome is None or (outcome.reason is None and around.reason is not None):
        with interruption.saving():
            interruption.last_word.acquire()
            outcome = _publish(progress, writer, around)
    writer.close()
    return outcome.code


def _attempt(action: Callable[[], None], session_input: SessionInput) -> Outcome:
    try:
        action()
    except MadeOnceError:
        raise
    except SessionInterrupted as interrupted:
        return Outcome(interrupted.reason, None, exit_code(interrupted.reason))
    except DivergedError as failure:
        return Outcome(NAN_LOSS, str(failure), failure.exit_code)
    except FaultyEnvironmentError as failure:
        return Outcome(FAULTY_ENVIRONMENT, str(failure), failure.exit_code)
    except RelayError as failure:
        return Outcome(type(failure).__name__, str(failure), failure.exit_code)
    except Exception as failure:  # noqa: BLE001 - an environment may raise anything, and the session must say so
        traceback.print_exc()
        return Outcome(type(failure).__name__, _sentence(failure, session_input), 1)
    return Outcome()


def _sentence(failure: Exception, session_input: SessionInput) -> str:
    lost_pipe = isinstance(failure, EOFError | BrokenPipeError | ConnectionResetError)
    if lost_pipe and session_input.job.env.vectorization == "subproc":
        return f"environment {session_input.job.env.id}: a worker process has died; the log shows what it printed last"
    return f"{type(failure).__name__}: {failure}"


def _publish(progress: Progress, writer: ArtifactWriter, outcome: Outcome) -> Outcome:
    reason, error, code = outcome
    recorder.end(writer, progress, reason)
    for last_words in (False, True):
        try:
            if last_words:
                writer.submit(functools.partial(writer.publish, progress.metadata(reason, error), complete=True))
            writer.drain()
        except SessionError as failure:
            reason, error, code = reason or type(failure).__name__, error or str(failure), failure.exit_code
    _announce(progress, reason, error)
    return Outcome(reason, error, code)


def _end_by_force(progress: Progress, writer: ArtifactWriter, forced: ForcedEnd) -> None:
    """Leave word of a session that is ended from beside its main thread."""
    recorder.end(writer, progress, forced.reason)
    if not writer.publish_last(progress.metadata(forced.reason, forced.error), LAST_WORDS_SECONDS):
        events.say("the disk did not take the session's last words; the checkpoints before are as they were")
    _announce(progress, forced.reason, forced.error)


def _announce(progress: Progress, reason: str | None, error: str | None) -> None:
    if error:
        events.say(error)
    events.emit(
        "ended",
        timesteps=progress.timesteps,
        goal=progress.session_input.job.total_timesteps,
        goal_met=progress.goal_met,
        interrupted_by=reason,
        error=error,
    )
