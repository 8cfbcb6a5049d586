"""Session 0001 of a job, made of a checkpoint that was copied by hand.

It is packaged, run on this machine and downloaded as any other session is, in a folder that is no session yet: it
becomes one by a rename, and whatever was cut off before is begun again.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from contract.documents.runs import Execution, Request
from contract.errors import InputError, SessionError
from contract.events import say
from contract.states import State
from contract.storage import files
from runner.adopting.finding import find_checkpoints
from runner.adopting.reading import newest_sound
from runner.backends.base import Provisions
from runner.backends.registry import open_backend
from runner.display import Display
from runner.layout import SessionFolder
from runner.preflight.verdict import judge
from runner.stages import download, execute, package, wiring

if TYPE_CHECKING:
    from pathlib import Path

    from runner.workspace import Plan, Workspace

_BACKEND = "local"
_ARRIVING = "adopting"
_FIRST = 1


def make_first_session(workspace: Workspace, job: str, source: Path) -> None:
    """Make session 0001 of `job` of the newest checkpoint in `source`.

    Args:
        workspace: the project.
        job: which has no session yet, and is held by this process.
        source: a folder.

    Raises:
        InputError: the job has sessions, or nothing in the folder is its own.
        RelayError: no checkpoint is sound, or none fits the job.
    """
    plan = workspace.plan(job, "full")
    if plan.lineage.sessions:
        problem = f"has {len(plan.lineage.sessions)} session(s) already, before which nothing can be taken in"
        raise InputError(f"job {job}", problem, f"run `doit fresh:{job}` to archive them")
    found, provided = newest_sound(find_checkpoints(source, job), plan.wanted.job, say)
    judge(workspace, plan)
    _make_session(workspace, plan, provided)
    (live,) = workspace.live_sessions(workspace.reopened().plan(job, "full"))
    wiring.validate(workspace, live)
    wiring.restore(workspace, live)
    say(f"{job}: session {live.folder.number} is {found.model.name} at {found.timesteps:,} timesteps")
    say(f"{job}: `doit resume:{job}` goes on from it, approximately: it holds no episodes and no generators")


def _make_session(workspace: Workspace, plan: Plan, provided: dict[str, bytes]) -> None:
    """Bring a session to its end in a folder of its own, and put it in place."""
    job_folder = workspace.runs.job(plan.job)
    folder = SessionFolder(job_folder / _ARRIVING)
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir(parents=True)
    target = workspace.runs.session(plan.job, _FIRST)
    try:
        package.package(
            folder,
            job={**plan.wanted.job, "backend": _BACKEND},
            request=Request(
                job=plan.job,
                lineage=plan.lineage.generation,
                session=target.number,
                profile=plan.wanted.profile,
                goal=plan.wanted.goal,
                parent=None,
            ),
            sources=workspace.sources(plan),
            inputs=plan.wanted.inputs,
            parent=None,
            provisions=Provisions(payload=provided),
        )
        with open_backend(_BACKEND, workspace.runs) as backend, Display(plan.job, target.number) as display:
            execute.execute(folder, backend, display)
            download.download(folder, backend)
        _refuse_failure(plan.job, folder)
        folder.path.rename(target.path)
        files.fsync_directory(job_folder)
    except BaseException:  # Ctrl-C too leaves no half of a session
        shutil.rmtree(folder.path, ignore_errors=True)
        if not any(job_folder.iterdir()):
            job_folder.rmdir()
        raise


def _refuse_failure(job: str, folder: SessionFolder) -> None:
    if Execution.read(folder.execution_json).state is not State.COMPLETE:
        raise SessionError(f"job {job}", "could not take the checkpoint in: the line above says why")
