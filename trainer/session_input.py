"""What a session is given: a folder with its job, its request and perhaps a parent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.documents.session import Payload, Request
from contract.errors import SessionError
from contract.storage import files, layout
from job.model import Job, parse_job

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class SessionInput:
    """The input folder, read: `key` identifies the session, `folder` holds the parent's files."""

    folder: Path
    job: Job
    request: Request
    key: str

    @property
    def parent_checkpoint(self) -> Path:
        """The checkpoint to go on from, where the request has a parent."""
        return self.folder / layout.PARENT_CHECKPOINT

    @property
    def adopts(self) -> bool:
        """Whether the session takes in what was saved by hand, and trains nothing."""
        return (self.folder / layout.ADOPTED_FILE).exists()

    @property
    def parent_replay(self) -> Path:
        """The folder of the replay segments that the parent names."""
        return self.folder / layout.REPLAY_FOLDER

    @property
    def parent_best_model(self) -> Path:
        """The best model of the sessions before, where there is one."""
        return self.folder / layout.PARENT_BEST_MODEL


def read_session_input(folder: Path) -> SessionInput:
    """Read the input folder of a session, whose digests the bootstrap script has checked.

    Raises:
        SessionError: a file is missing or unreadable, or the request is for another job or goal.
    """
    try:
        payload = Payload.model_validate(files.read_json(folder / layout.PAYLOAD_FILE))
        job = parse_job(files.read_json(folder / layout.JOB_FILE))
        request = Request.model_validate(files.read_json(folder / layout.REQUEST_FILE))
    except (OSError, ValueError) as error:
        raise SessionError(str(folder), f"is not a session's input: {error}", "run the same command again") from error
    if (request.job, request.goal) != (job.name, job.total_timesteps):
        problem = (
            f"asks for {request.job} to {request.goal:,} timesteps, and holds {job.name} to {job.total_timesteps:,}"
        )
        raise SessionError(str(folder), problem, "run the same command again")
    return SessionInput(folder, job, request, payload.key)
