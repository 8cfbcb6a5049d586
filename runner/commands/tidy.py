"""`doit gc`: what no session needs any more goes, here and where sessions run; with `apply=yes` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from contract.storage.files import human_bytes
from runner.backends.registry import backend_entry
from runner.lineage import Phase, every_lineage, read_lineage
from runner.lock import held
from runner.retention.removal import in_use_by_itself, in_use_now, remove, sift
from runner.steering.answers import is_yes

if TYPE_CHECKING:
    from runner.retention.removal import Sifted
    from runner.workspace import Workspace

_APPLY = "apply"


def tidy(workspace: Workspace, jobs: list[str]) -> int:
    """Say what may go of `jobs`, on this machine and on their backends, and remove it where the command line says so.

    Returns the exit code: of what could not be looked at, or not be removed; all else is done.

    Raises:
        BackendError: a backend gives no answer, or refuses.
    """
    applies = is_yes(_APPLY)
    codes, freed = [0], 0
    for job in jobs:
        try:
            freed += _tidy_job(workspace, job, applies=applies)
        except RelayError as error:
            say(plain(str(error)))
            codes.append(error.exit_code)
    if applies and freed:
        say(f"gc  {human_bytes(freed)} were freed on this machine")
    elif freed:
        of_one = f":{jobs[0]}" if len(jobs) == 1 else ""
        say(f"gc  nothing was removed; `doit gc{of_one} apply=yes` frees {human_bytes(freed)} on this machine")
    _tidy_backends(workspace, jobs, applies=applies)
    return max(codes)


def _tidy_job(workspace: Workspace, job: str, *, applies: bool) -> int:
    """Look at a job's lineages, and return the bytes that are free now, or would be."""
    if not applies:
        return sum(_say(job, sifted, "can go") for sifted in _sifted(workspace, job))
    freed = 0
    with held(workspace.runs, job, "doit gc"):
        for sifted in _sifted(workspace.reopened(), job):
            freed += _say(job, sifted, "go")
            remove(sifted)
    return freed


def _sifted(workspace: Workspace, job: str) -> list[Sifted]:
    keep, current = workspace.kept(job), read_lineage(workspace.runs, job).generation
    found = []
    for lineage in every_lineage(workspace.runs, job):
        is_current = lineage.generation == current
        folder = workspace.runs.job(job) if is_current else workspace.runs.archive(job, lineage.generation)
        use = in_use_now(workspace, lineage) if is_current else in_use_by_itself(lineage, folder)
        found.append(sift(lineage, folder, keep, use))
    return found


def _say(job: str, sifted: Sifted, what: str) -> int:
    freed = sifted.freed
    if sifted.go:
        name = sifted.folder.name
        say(f"gc  {name}: {human_bytes(freed)} {what}")
        for line in sifted.in_words():
            say(plain(f"gc  {name}:   {line}"))
    elif sifted.folder.name == job:
        say(f"gc  {job}: nothing of it can go")
    return freed


def _tidy_backends(workspace: Workspace, jobs: list[str], *, applies: bool) -> None:
    idle = []
    for job in jobs:
        head = read_lineage(workspace.runs, job).head
        if backend_entry(workspace.backend_name(job)).tidy is None:
            continue
        if head is not None and head.phase in (Phase.PACKAGED, Phase.SUBMITTED):
            say(f"gc  {job}: session {head.folder.number} may need what is on its backend; nothing of that is removed")
        else:
            idle.append(workspace.wanted(job, "full").job)
    for name in sorted({job["backend"] for job in idle}):
        if (on_backend := backend_entry(name).tidy) is not None:
            on_backend(workspace.runs.backend(name), [job for job in idle if job["backend"] == name], lambda: applies)
