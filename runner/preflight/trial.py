"""A job tried in a process of its own, from the very sources that a session would carry, and for so long only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

from contract import files, layout
from contract.documents import Request
from contract.errors import InputError, UnavailableError
from contract.events import Event, parse_event
from contract.trials import Trial
from executors.local_launcher import INPUT, TEMPORARY, WORKING, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.wanted import Profile

_SOURCES = Path("sources")

SECONDS = 120.0
"""How long a trial may take, the import of torch included."""


def try_job(job: dict[str, Any], profile: Profile, bundle: bytes, seconds: float = SECONDS) -> Trial:
    """Make the job's environment and model once, step, save and load them.

    Args:
        job: with its profile applied, as JSON.
        profile: which.
        bundle: the sources that a session of it would carry.
        seconds: how long it may take.

    Raises:
        InputError: no session of the job could train, or the trial hangs.
        UnavailableError: it needs what this machine lacks.
    """
    with tempfile.TemporaryDirectory(prefix="relay-trial-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _lay_out(folder, job, profile, bundle)
        code = _run(folder, seconds)
        events = list(_events(folder))
        last_words = _last_line(folder / "errors")
    return _judged(job, events, code, last_words, seconds)


def _lay_out(folder: Path, job: dict[str, Any], profile: Profile, bundle: bytes) -> None:
    """The trial's folder, as a session finds its own: its input, its sources, and an empty working folder."""
    from job.model import session_part  # noqa: PLC0415 - it imports pydantic

    for each in (INPUT, WORKING, TEMPORARY, _SOURCES):
        (folder / each).mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        packed.extractall(folder / _SOURCES)
    request = Request(
        job=job["name"], lineage=1, session="0001", profile=profile, goal=job["total_timesteps"], parent=None
    )
    documents = {
        layout.JOB_FILE: session_part(job),
        layout.REQUEST_FILE: msgspec.to_builtins(request),
        layout.PAYLOAD_FILE: {"format": 1, "key": files.sha256_of_value(job), "files": {}},
    }
    for name, document in documents.items():
        (folder / INPUT / name).write_text(json.dumps(document), encoding="utf-8")


def _run(folder: Path, seconds: float) -> int | None:
    """The exit code of the trial's process; None where it did not end in time."""
    paths = [str(folder / _SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
    as_in_a_session = variables(folder, folder / TEMPORARY)
    environment = {**os.environ, **as_in_a_session, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "trainer", "--try", "--input", str(folder / INPUT)],
            cwd=folder / WORKING,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.returncode is None:
                _end(process)


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


def _events(folder: Path) -> Iterator[Event]:
    for line in (folder / "output").read_text(encoding="utf-8", errors="replace").splitlines():
        if (event := parse_event(line)) is not None:
            yield event


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " ".join(lines[-1].split())[:300] if lines else ""


def _judged(job: dict[str, Any], events: list[Event], code: int | None, last_words: str, seconds: float) -> Trial:
    """What the trial said, or what became of it where it did not come to that."""
    for event in reversed(events):
        if event.name == "tried":
            return msgspec.convert(event.values, Trial)
        if event.name == "refused":
            kind = UnavailableError if event.values.get("may_be_there_elsewhere") else InputError
            raise kind(str(event.values["subject"]), str(event.values["problem"]), event.values["remedy"])
    begun = [str(event.values.get("what")) for event in events if event.name == "trying"]
    what = begun[-1] if begun else "the start of its process"
    subject = f"environment {job['env']['id']}"
    if code is None:
        problem = f"{what} had not ended {seconds:.0f} s after the trial of the job began"
        raise InputError(subject, problem, "correct what hangs there, or make it quicker")
    said = f": {last_words}" if last_words else ""
    problem = f"{what} ended its process (exit code {code}){said}"
    raise UnavailableError(subject, problem, "correct what ends it")
