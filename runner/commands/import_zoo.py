"""The command `import-zoo`: an entry of rl-baselines3-zoo as a job, printed, or written into jobs.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.storage import files
from runner.jobs.yaml_positions import read_yaml
from runner.jobs.zoo.reading import read_entry
from runner.jobs.zoo.writing import as_yaml
from runner.layout import JOBS_FILE

if TYPE_CHECKING:
    from pathlib import Path


def import_zoo(file: Path, environment: str, jobs_file: Path | None = None) -> str:
    """Make a job of an entry; return what is to be said.

    Args:
        file: of the zoo's.
        environment: whose entry it is.
        jobs_file: where to write the job; None to write nothing.

    Raises:
        InputError: there is no such entry, it makes no job, or the job cannot be written there.
    """
    conversion = read_entry(file, environment)
    text = as_yaml(conversion, f"{file.name}, {environment}")
    if jobs_file is None:
        return f"jobs:\n{text}"
    files.write_bytes(jobs_file, _with_job(jobs_file, conversion.name, text).encode())
    return f"{jobs_file}: has the job {conversion.name} now; `doit plan:{conversion.name}` says what it would do\n"


def _with_job(jobs_file: Path, name: str, text: str) -> str:
    """The file with the job at its end; what stands there stays as it is."""
    try:
        before = jobs_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"jobs:\n{text}"
    values = read_yaml(before.encode(), JOBS_FILE).values
    by_hand = "paste what it prints without --write"
    if not isinstance(values, dict) or list(values)[-1:] != ["jobs"] or not isinstance(values["jobs"], dict):
        raise InputError(JOBS_FILE, "does not end with its jobs, so that none can be added at its end", by_hand)
    if name in values["jobs"]:
        raise InputError(JOBS_FILE, f"has a job {name} already", f"rename it, or {by_hand}")
    after = f"{before.rstrip()}\n{text}"
    expected = {**values, "jobs": {**values["jobs"], name: _job(text, name)}}
    if read_yaml(after.encode(), JOBS_FILE).values != expected:
        raise InputError(JOBS_FILE, "is indented otherwise than by two spaces", by_hand)
    return after


def _job(text: str, name: str) -> object:
    return read_yaml(f"jobs:\n{text}".encode(), JOBS_FILE).values["jobs"][name]
