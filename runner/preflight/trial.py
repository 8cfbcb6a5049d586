"""A job tried in a process of its own, from the very sources that a session would carry, and for so long only."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from contract.documents.runs import Request
from contract.documents.trial import Tried
from contract.errors import InputError
from contract.storage import files, layout
from contract.trying import Course, found_by, run_trial
from executors.local_launcher import INPUT, WORKING
from runner.preflight.sandbox import lay_out, session_variables

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from runner.planning.wanted import Profile


def try_job(
    job: dict[str, Any],
    profile: Profile,
    bundle: bytes,
    seconds: float | None = None,
    wheels: Sequence[Path] = (),
    data: Mapping[str, Path] | None = None,
) -> Tried:
    """Make the job's environment and model once, step, save and load them.

    Args:
        job: with its profile applied, as JSON.
        profile: which.
        bundle: the sources that a session of it would carry.
        seconds: how long it may take; as the job says if not given.
        wheels: of its packages, for this machine.
        data: folders that it reads, by their place below the input.

    Raises:
        InputError: no session of the job could train, or the trial hangs.
        UnavailableError: it needs what this machine lacks.
    """
    return msgspec.convert(_found("--try", job, profile, bundle, seconds, wheels, data), Tried)


def measure_baselines(
    job: dict[str, Any],
    profile: Profile,
    bundle: bytes,
    wheels: Sequence[Path] = (),
    data: Mapping[str, Path] | None = None,
) -> dict[str, float]:
    """The mean return of each baseline that the job's environment offers, in the episodes of the job's evaluations.

    Args:
        job: with its profile applied, as JSON.
        profile: which.
        bundle: the sources that a session of it would carry.
        wheels: of its packages, for this machine.
        data: folders that it reads, by their place below the input.

    Raises:
        InputError: the environment cannot be made or played here.
    """
    found = _found("--baselines", job, profile, bundle, None, wheels, data)
    try:
        return msgspec.convert(found["returns"], dict[str, float])
    except (KeyError, msgspec.ValidationError) as error:
        raise InputError(f"environment {job['env']['id']}", "gives baselines that have no return") from error


def _found(
    option: str,
    job: dict[str, Any],
    profile: Profile,
    bundle: bytes,
    seconds: float | None,
    wheels: Sequence[Path],
    data: Mapping[str, Path] | None,
) -> dict[str, Any]:
    """What the trainer says with `option` in a process of its own, as JSON."""
    with tempfile.TemporaryDirectory(prefix="relay-trial-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        lay_out(folder, bundle, wheels, data or {})
        _write_input(folder / INPUT, job, profile)
        course = _run(option, folder, seconds or job["trial_limit"])
    return found_by(course, job["env"]["id"])


def _write_input(folder: Path, job: dict[str, Any], profile: Profile) -> None:
    """Write what a first session of the job would be told."""
    from job.model import session_part  # noqa: PLC0415 - it imports pydantic

    request = Request(
        job=job["name"], lineage=1, session="0001", profile=profile, goal=job["total_timesteps"], parent=None
    )
    documents = {
        layout.JOB_FILE: session_part(job),
        layout.REQUEST_FILE: msgspec.to_builtins(request),
        layout.PAYLOAD_FILE: {"format": 1, "key": files.sha256_of_value(job), "files": {}},
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")


def _run(option: str, folder: Path, seconds: float) -> Course:
    command = [sys.executable, "-m", "trainer", option, "--input", str(folder / INPUT)]
    return run_trial(command, folder, folder / WORKING, session_variables(folder), seconds, _end)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        started = []
    process.kill()
    for each in started:
        try:
            each.kill()
        except psutil.Error:
            continue
    process.wait()
