"""`doit doctor`: whether the backends that the jobs use would take a session now; spends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import BackendError, InputError
from contract.events import say
from runner.preflight.checks import backend_checks, known_backend, own_checks, trial_check

if TYPE_CHECKING:
    from runner.workspace import Workspace


def examine(workspace: Workspace, jobs: list[str]) -> None:
    """Say what each backend of `jobs` was found to be like.

    Raises:
        BackendError: a session could not run on one of them; the sentence names what is wrong.
        InputError: the backends are well, and a job is not.
    """
    problems: list[str] = []
    for name in sorted({name for job in jobs if (name := known_backend(workspace, job)) is not None}):
        say(f"backend {name}")
        for check in backend_checks(workspace, name):
            mark = "ok   " if check.is_well else "WRONG"
            say(f"  {mark}  {check.about}: {check.finding}")
            if not check.is_well:
                problems.append(f"{name}: {check.about}")
    of_backends = len(problems)
    for job in jobs:
        say(f"job {job}")
        for check in (trial_check(workspace, job), *own_checks(workspace, job)):
            say(f"  {'ok   ' if check.is_well else 'WRONG'}  {check.about}: {check.finding}")
            if not check.is_well:
                problems.append(f"{job}: {check.about}")
    if problems:
        kind = BackendError if of_backends else InputError
        raise kind(
            "doctor", f"these checks failed: {', '.join(problems)}", "mend what is marked WRONG above, and ask again"
        )
