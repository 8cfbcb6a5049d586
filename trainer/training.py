"""The training itself: a model over environments, gone on from a parent, saved as it goes."""

from __future__ import annotations

import functools
import gc
import io
import math
from typing import TYPE_CHECKING

from trainer import checkpoint, environments, progress
from trainer.callback import RelayCallback
from trainer.differences import differences
from trainer.errors import SessionError
from trainer.evaluation import evaluate
from trainer.libraries import library_versions
from trainer.model import make_model, use_threads
from trainer.resume_state import capture, restore

if TYPE_CHECKING:
    from trainer.artifact_writer import ArtifactWriter
    from trainer.interruption import Interruption
    from trainer.records import CheckpointRecord, Parent
    from trainer.resume_state import Boundary, ResumeState
    from trainer.standing import Standing


class Training:
    """One `learn()` from the session's parent to its goal.

    Args:
        standing: where the session stands; kept up to date.
        writer: writes the artifacts.
        interruption: what may end the session.

    Raises:
        RelayError: the model cannot be made, or does not go on from the parent.
    """

    def __init__(self, standing: Standing, writer: ArtifactWriter, interruption: Interruption) -> None:
        self._standing = standing
        self._input = standing.session_input
        self._job = self._input.job
        self._writer = writer
        use_threads(self._job.threads)
        self._model = make_model(self._job, environments.make_training_envs(self._job))
        self._evaluation_envs = environments.make_evaluation_envs(self._job) if self._job.eval.frequency else None
        parent = self._input.request.parent
        self._callback = RelayCallback(
            self._job,
            standing,
            interruption,
            restore=self._load(parent) if parent else None,
            evaluate=self._evaluate,
            save=self._save,
        )

    def run(self) -> None:
        """Learn until the goal.

        Raises:
            SessionInterrupted: something ended the session at a rollout boundary, after a checkpoint.
            SessionError: an artifact cannot be written.
        """
        start, goal = self._standing.timesteps, self._job.total_timesteps
        if start >= goal:
            problem = f"its parent checkpoint stands at {start:,} timesteps, and the goal of {goal:,} is met"
            raise SessionError(f"job {self._job.name}", problem, "raise total_timesteps to go on")
        progress.emit("started", session=self._input.request.session, timesteps=start, goal=goal)
        begins_anew = self._input.request.parent is None
        # What stands now stays until the end, so the collector need not walk through it again and again.
        gc.freeze()
        gc.enable()
        self._model.learn(goal - start, callback=self._callback, reset_num_timesteps=begins_anew)

    def close(self) -> None:
        """End the environments and their worker processes."""
        venvs = (self._model.get_env(), self._evaluation_envs)
        for venv in venvs:
            if venv is not None:
                venv.close()

    def _load(self, parent: Parent) -> functools.partial[None]:
        path = self._input.parent_checkpoint
        record, state, content = checkpoint.open_parent(path, parent)
        anew = f"run `doit fresh:{self._job.name}` to start anew"
        for name, ours in (("algorithm", self._job.algorithm), ("policy", self._job.policy)):
            if record.training.get(name) != ours:
                problem = f"does not fit the job's {name}: {record.training.get(name)}, expected {ours}"
                raise SessionError(path.name, problem, anew)
        try:
            self._model.set_parameters(io.BytesIO(content), device=self._model.device)  # type: ignore[arg-type] # any file
        except (ValueError, RuntimeError, KeyError) as error:
            problem = f"does not fit the job's policy: {error}"
            raise SessionError(path.name, problem, anew) from error
        self._model.num_timesteps = parent.timesteps
        vars(self._standing.milestones).update(state.session)
        self._standing.add_inexact(record.resume.reasons)
        self._standing.add_inexact(self._changes_since(record))
        if self._input.parent_best_model.exists():
            best = self._input.parent_best_model.read_bytes()
            self._writer.submit(functools.partial(self._writer.put, self._writer.artifacts.best_model, best))
        same_environments = record.training["env"] == self._job.training_inputs()["env"]
        return functools.partial(self._restore, state, same_environments=same_environments)

    def _changes_since(self, record: CheckpointRecord) -> tuple[str, ...]:
        changes = differences(record.training, self._job.training_inputs())
        changes += differences(record.libraries, library_versions())
        named = [str(change) for change in changes]
        if self._input.request.sources_changed:
            named.append("the sources changed")
        return tuple(f"{change} at {record.timesteps:,} timesteps" for change in named)

    def _restore(self, state: ResumeState, *, same_environments: bool) -> None:
        self._standing.add_inexact(restore(self._model, state, same_environments=same_environments))
        reasons = "; ".join(self._standing.inexact)
        verdict = f"approximate: {reasons}" if reasons else "exact"
        progress.say(f"[CHECKPOINT] Resumed at {self._model.num_timesteps:,} timesteps ({verdict})")

    def _evaluate(self) -> None:
        if self._evaluation_envs is None:
            return
        job, milestones = self._job, self._standing.milestones
        mean = evaluate(self._model, self._evaluation_envs, episodes=job.eval.episodes, seed=job.seed)
        best_before = milestones.best_mean_reward
        improved = not math.isnan(mean) and (best_before is None or mean > best_before)
        progress.emit("evaluation", timesteps=self._standing.timesteps, mean_reward=mean, improved=improved)
        if improved:
            milestones.best_mean_reward = mean
            contents = self._collect("rollout_start")
            best = checkpoint.pack(contents, self._standing.record(self._model, contents, "best"))
            self._writer.submit(functools.partial(self._writer.put, self._writer.artifacts.best_model, best))

    def _save(self, boundary: Boundary) -> None:
        timesteps, artifacts = self._standing.timesteps, self._writer.artifacts
        contents = self._collect(boundary)
        record = functools.partial(self._standing.record, self._model, contents)
        packed = {}
        if boundary == "training_end":  # before its checkpoint, which lets the job count as done
            packed[artifacts.final_model] = checkpoint.pack(contents, record("final"))
        packed[artifacts.checkpoint(timesteps)] = checkpoint.pack(contents, record("checkpoint"))
        metadata = self._standing.metadata()

        def write() -> None:
            for path, content in packed.items():
                self._writer.put(path, content)
            self._writer.rotate()
            self._writer.publish(metadata)
            for path, content in packed.items():
                progress.emit("checkpoint", timesteps=timesteps, file=path.name, bytes=len(content))

        self._writer.submit(write)

    def _collect(self, boundary: Boundary) -> checkpoint.Contents:
        state = capture(self._model, self._job.entry, boundary, self._standing.milestones.to_plain())
        if set(state.inexact) - set(self._standing.inexact):
            progress.say(f"[CHECKPOINT] Resume will be approximate: {'; '.join(state.inexact)}")
        self._standing.add_inexact(state.inexact)
        return checkpoint.collect(self._model, state)
