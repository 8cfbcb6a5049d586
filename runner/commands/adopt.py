"""The command `adopt`: a checkpoint that was copied by hand becomes session 0001 of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doit import get_var

from contract.errors import InputError

if TYPE_CHECKING:
    from runner.workspace import Workspace


def adopt(workspace: Workspace, job: str) -> None:
    """Take in the newest checkpoint of the folder that the command line names.

    Raises:
        InputError: it names none, or the job cannot take it in.
    """
    source = get_var("from")
    if source is None:
        problem = "needs the folder that the checkpoints lie in"
        raise InputError(f"doit adopt:{job}", problem, f"write `doit adopt:{job} from=FOLDER`")
    from runner.adopting.taking_in import make_first_session  # noqa: PLC0415 - not for a command line that is refused

    make_first_session(workspace, job, workspace.runs.root / str(source))
