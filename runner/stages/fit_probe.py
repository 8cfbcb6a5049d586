"""Whether a job still fits the checkpoint that it would go on from, by what a trial of it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import IncompatibleError
from contract.identity import training_inputs
from restore.compatibility import compare
from runner.planning.decide import Refuse

if TYPE_CHECKING:
    from contract.documents.runs import Request
    from contract.documents.trial import Tried
    from runner.lineage import SessionState


def refuse_misfit(job: dict[str, Any], request: Request, made_by: SessionState, trial: Tried) -> None:
    """Compare spaces and tensors where the environment or the sources changed; settings were compared in the plan.

    Args:
        job: the job with its profile applied, as JSON.
        request: what the session would be asked for.
        made_by: the session that made the checkpoint to go on from.
        trial: what came of trying the job.

    Raises:
        IncompatibleError: the checkpoint does not fit.
    """
    checkpoint = made_by.restored.checkpoint
    same_env = made_by.package.inputs.training["env"] == training_inputs(job)["env"]
    if checkpoint is None or (same_env and not request.sources_changed):
        return
    for change in compare(checkpoint.described(), trial.described()).incompatible:
        refusal = Refuse(job["name"], made_by.number, change.path, change.before, change.after)
        raise IncompatibleError(f"job {job['name']}", refusal.problem, refusal.remedy)
