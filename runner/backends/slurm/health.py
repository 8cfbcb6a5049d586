"""What `doit doctor` asks of a Slurm cluster: whether it answers, and whether it would take a job's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import BackendError
from executors.slurm.commands import partitions, would_start
from executors.slurm.settings import minutes, request_options
from executors.slurm.words import parse_seconds
from runner.backends.base import Check
from runner.backends.shared_folder import look_at_folder
from runner.backends.slurm.settings import job_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from executors.slurm.settings import SlurmSettings

_DEFAULT = "*"


def checks() -> Iterator[Check]:
    """Whether the cluster answers, and what it has."""
    try:
        found = partitions()
    except BackendError as error:
        yield Check("cluster", str(error), is_well=False)
        return
    there = ", ".join(f"{name} ({state}, {longest})" for name, state, longest in found)
    yield Check("cluster", f"answers: partitions {there}" if there else "has no partitions", is_well=bool(found))


def session_checks(root: Path, job: Mapping[str, Any]) -> Iterator[Check]:
    """What a session of a job (as JSON) would need.

    Args:
        root: the backend's folder.
        job: the job.

    Raises:
        InputError: it cannot be asked for.
    """
    settings = job_settings(job, root, "")
    yield look_at_folder(settings.folder or root, "slurm.folder")
    try:
        yield _partition(settings)
        yield Check("submission", would_start(request_options(settings)))
    except BackendError as error:
        yield Check("submission", str(error), is_well=False)


def _partition(settings: SlurmSettings) -> Check:
    """Whether the partition of a job is there, is up, and gives the time that it asks for."""
    found, wanted = partitions(), settings.partition
    for name, state, longest in found:
        if name.removesuffix(_DEFAULT) != wanted and not (wanted is None and name.endswith(_DEFAULT)):
            continue
        about, asked, given = f"partition {name.removesuffix(_DEFAULT)}", settings.time or 0.0, parse_seconds(longest)
        if state != "up":
            return Check(about, f"is {state}: wait, or set slurm.partition to another one", is_well=False)
        if given is not None and minutes(asked) * 60 > given:
            problem = f"gives {longest} at most, and the job asks for {minutes(asked)} minutes: lower slurm.time"
            return Check(about, problem, is_well=False)
        return Check(about, f"is up, and gives {longest} at most")
    known = ", ".join(name.removesuffix(_DEFAULT) for name, *_ in found)
    problem = "none is the default here" if wanted is None else f"{wanted} is not there"
    return Check("partition", f"{problem}: set slurm.partition to one of {known}", is_well=False)
