"""One session: from an input folder, with or without a parent, to artifacts."""

from __future__ import annotations

import functools
import traceback
from typing import TYPE_CHECKING

from contract import events
from contract.errors import DivergedError, RelayError, SessionError
from contract.layout import Artifacts
from trainer.checkpoint.writer import ArtifactWriter
from trainer.divergence import NAN_LOSS
from trainer.environments.self_check import MadeOnceError
from trainer.interruption import Interruption, SessionInterrupted, exit_code
from trainer.standing import Standing
from trainer.training import prepared

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.session_input import SessionInput


def run_session(session_input: SessionInput, output: Path, started: float, unchecked: str | None = None) -> int:
    """Train until the goal, or until something ends the session; return the process's exit code.

    Whatever happens, the artifacts written before it are whole, and the metadata says why it ended.

    Args:
        session_input: job, request and perhaps a parent.
        output: the folder for the artifacts.
        started: `time.monotonic()` when the session began.
        unchecked: why its environments are not checked before the training; None where they are.

    Raises:
        MadeOnceError: the check has made the only environment that this process can make; nothing is written yet.
    """
    standing = Standing(session_input)
    writer = ArtifactWriter(Artifacts(output, session_input.job.name), session_input.key)
    interruption = Interruption(started, session_input.job.session_limit)
    interruption.listen()
    reason = error = None
    code = 0
    try:
        with prepared(standing, writer, interruption, unchecked) as training:
            training.run()
    except MadeOnceError:
        raise
    except SessionInterrupted as interrupted:
        reason = interrupted.reason
        code = exit_code(reason)
    except DivergedError as failure:
        reason, error, code = NAN_LOSS, str(failure), failure.exit_code
    except RelayError as failure:
        reason, error, code = type(failure).__name__, str(failure), failure.exit_code
    except Exception as failure:  # noqa: BLE001 - an environment may raise anything, and the session must say so
        traceback.print_exc()
        reason, error, code = type(failure).__name__, _sentence(failure, session_input), 1
    return _end(standing, writer, reason, error) or code


def _sentence(failure: Exception, session_input: SessionInput) -> str:
    lost_pipe = isinstance(failure, EOFError | BrokenPipeError | ConnectionResetError)
    if lost_pipe and session_input.job.env.vectorization == "subproc":
        return f"environment {session_input.job.env.id}: a worker process has died; the log shows what it printed last"
    return f"{type(failure).__name__}: {failure}"


def _end(standing: Standing, writer: ArtifactWriter, reason: str | None, error: str | None) -> int:
    code = 0
    for last_words in (False, True):
        try:
            if last_words:
                writer.submit(functools.partial(writer.publish, standing.metadata(reason, error), complete=True))
            writer.drain()
        except SessionError as failure:
            reason, error, code = reason or type(failure).__name__, error or str(failure), failure.exit_code
    if error:
        events.say(error)
    events.emit(
        "ended",
        timesteps=standing.timesteps,
        goal=standing.session_input.job.total_timesteps,
        goal_met=standing.goal_met,
        interrupted_by=reason,
        error=error,
    )
    return code
