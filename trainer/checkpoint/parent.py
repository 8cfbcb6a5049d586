"""A parent checkpoint put into a model: tensors and transitions before `learn()`, all else in its first rollout start.

Whatever cannot be put back ends the session: one with a parent never begins at zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract import events
from contract.differences import differences
from contract.documents.session import Resumed
from contract.errors import CheckpointError, SessionError
from trainer.checkpoint import replay_buffer as replay
from trainer.checkpoint import zip_file
from trainer.checkpoint.resume_state import put_back
from trainer.divergence import refuse_unusable_statistics

if TYPE_CHECKING:
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm

    from contract.documents.session import CheckpointRecord, Parent
    from trainer.checkpoint.resume_state import ResumeState
    from trainer.progress import Progress


@dataclass(frozen=True)
class LoadedParent:
    """The checkpoint that a session goes on from, with its tensors and transitions in the model.

    Args:
        model: the algorithm that they are in.
        progress: where the session stands.
        record: what the checkpoint says of itself.
        state: what is still to be put back.
    """

    model: BaseAlgorithm
    progress: Progress
    record: CheckpointRecord
    state: ResumeState

    def put_back(self) -> None:
        """Put back everything else; call it in the first rollout start of `learn()`."""
        job, progress = self.progress.session_input.job, self.progress
        same_environments = self.record.training["env"] == job.training_inputs()["env"]
        progress.add_inexact(put_back(self.model, job.entry, self.state, same_environments=same_environments))
        reasons = "; ".join(progress.inexact)
        verdict = f"approximate: {reasons}" if reasons else "exact"
        parent = progress.resumed.parent if progress.resumed else None
        origin = f" from session {parent.session}, sha256 {parent.sha256}" if parent else ""
        events.say(f"[CHECKPOINT] Resumed at {self.model.num_timesteps:,} timesteps ({verdict}){origin}")


def load_parent(model: BaseAlgorithm, progress: Progress, parent: Parent) -> LoadedParent:
    """Put the tensors and transitions of a session's parent into its model.

    Args:
        model: the algorithm, made from the job.
        progress: where the session stands; it learns what was loaded, and why going on is not exact.
        parent: what the request names.

    Raises:
        RelayError: it is not the parent that was asked for, cannot be read, or does not fit the job.
    """
    session = progress.session_input
    record, state, content = zip_file.open_parent(session.parent_checkpoint, parent)
    anew = f"change it back, or run `doit fresh:{session.job.name}` to start anew"
    for name, ours in (("algorithm", session.job.algorithm), ("policy", session.job.policy)):
        if record.training.get(name) != ours:
            problem = f"does not fit the job's {name}: {record.training.get(name)}, expected {ours}"
            raise SessionError(session.parent_checkpoint.name, problem, anew)
    refuse_unusable_statistics(state.judged, session.parent_checkpoint.name, f"run `doit fresh:{session.job.name}`")
    try:
        zip_file.load_tensors(model, content, session.job.entry.optimizers)
        _fill_replay(model, record, state, session.parent_replay)
    except CheckpointError as error:
        raise SessionError(session.parent_checkpoint.name, error.problem, anew) from error
    model.num_timesteps = parent.timesteps
    vars(progress.milestones).update(state.session)
    progress.resumed = Resumed(parent=parent, mean_reward=record.mean_reward)
    progress.add_inexact(record.resume.reasons)
    progress.add_inexact(_changes(record, progress))
    progress.add_changes(record.resume.changes)
    progress.add_changes(tuple(f"{each} at {record.timesteps:,} timesteps" for each in session.request.changes))
    return LoadedParent(model, progress, record, state)


def _fill_replay(model: BaseAlgorithm, record: CheckpointRecord, state: ResumeState, folder: Path) -> None:
    buffer = getattr(model, "replay_buffer", None)
    if (buffer is None) != (record.replay is None) or (buffer is None) != (state.replay is None):
        there, here = ("a", "none") if buffer is None else ("no", "one")
        problem = f"does not fit the job's algorithm: it names {there} replay buffer, and the algorithm has {here}"
        raise CheckpointError("the parent", problem)
    if buffer is not None and record.replay is not None and state.replay is not None:
        replay.fill(buffer, record.replay, state.replay, folder)


def _changes(record: CheckpointRecord, progress: Progress) -> tuple[str, ...]:
    session = progress.session_input
    changes = differences(record.training, session.job.training_inputs())
    changes += differences(record.libraries, progress.libraries)
    named = [str(change) for change in changes]
    if session.request.sources_changed:
        named.append("the sources changed")
    return tuple(f"{change} at {record.timesteps:,} timesteps" for change in named)
