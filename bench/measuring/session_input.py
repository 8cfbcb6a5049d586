"""The input of a session without a parent, as the package stage lays it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.storage import files, layout
from trainer.session_input import SessionInput, read_session_input

if TYPE_CHECKING:
    from pathlib import Path


def write_session_input(folder: Path, job: dict[str, Any]) -> SessionInput:
    """Write the input of the first session of `job` (as JSON, with its name), and read it."""
    request = {"job": job["name"], "lineage": 1, "session": "0001", "profile": "full", "parent": None}
    files.write_json(folder / layout.JOB_FILE, job)
    files.write_json(folder / layout.REQUEST_FILE, request | {"goal": job["total_timesteps"]})
    files.write_json(folder / layout.PAYLOAD_FILE, {"key": files.sha256_of_value(job), "files": {}})
    return read_session_input(folder)
