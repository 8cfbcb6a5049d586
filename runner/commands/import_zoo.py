"""The command `import-zoo`: an entry of rl-baselines3-zoo as a job, printed, or written into jobs.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.jobs.adding import add_job
from runner.jobs.zoo.reading import read_entry
from runner.jobs.zoo.writing import as_yaml

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
    add_job(jobs_file, conversion.name, text, "paste what it prints without --write")
    return f"{jobs_file}: has the job {conversion.name} now; `doit plan:{conversion.name}` says what it would do\n"
