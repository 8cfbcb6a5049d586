"""Which model of a job is the one to show: the best that was measured, else the newest checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from contract.errors import CheckpointError, InputError
from contract.events import say
from restore.adoption import problem_with
from runner.lineage import read_lineage

if TYPE_CHECKING:
    from pathlib import Path

    from contract.documents.runs import CheckpointReference
    from runner.layout import RunsFolder


class BestAgent(NamedTuple):
    """A model that was adopted, and still is what was adopted.

    Args:
        reference: what it says of itself.
        path: where it lies.
        is_best: whether it is the best of the evaluations; else it is the newest checkpoint.
        algorithm: by name.
    """

    reference: CheckpointReference
    path: Path
    is_best: bool
    algorithm: str

    @property
    def described(self) -> str:
        """It in a few words."""
        kind = "best model" if self.is_best else "newest checkpoint"
        return f"the {kind} (session {self.reference.session}, {self.reference.timesteps:,} timesteps)"


def best_agent(runs: RunsFolder, job: str) -> BestAgent:
    """The model of `job` to show; what is damaged is passed over, and that is said.

    Raises:
        InputError: no session has left one yet.
        CheckpointError: none is intact.
    """
    tip = read_lineage(runs, job).tip
    restored = tip.restored if tip is not None else None
    references = [] if restored is None else [restored.best_model, *restored.candidates]
    found = [each for each in references if each is not None]
    if restored is None or not found:
        problem = "has no trained agent yet"
        raise InputError(f"job {job}", problem, f"train one: `doit run_quick:{job}` takes a moment")
    problems: list[str] = []
    for each in found:
        # Who only acts needs no replay buffer, which may have gigabytes to read.
        problem_of_file = problem_with(msgspec.structs.replace(each, replay=None), runs.job(job))
        if problem_of_file is None:
            for passed in problems:
                say(f"{job}: {passed}; the next one is taken")
            algorithm = str(each.training["algorithm"])
            return BestAgent(each, runs.job(job) / each.file, each is restored.best_model, algorithm)
        problems.append(f"{each.file} {problem_of_file}")
    raise CheckpointError(f"job {job}", "; ".join(problems), f"bring it back, or run `doit resume:{job}`")
