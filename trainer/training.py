"""The training itself: a model over environments, gone on from a parent, saved as it goes."""

from __future__ import annotations

import functools
import gc
import math
from typing import TYPE_CHECKING

from contract import events
from contract.errors import SessionError
from trainer.algorithms.gpu import usable_device
from trainer.algorithms.model import make_model, use_threads
from trainer.callback import RelayCallback
from trainer.checkpoint.resuming import LoadedParent
from trainer.checkpoint.saving import Saver
from trainer.divergence import refuse_unusable_weights
from trainer.environments import making
from trainer.environments.self_check import check_environments
from trainer.evaluation import evaluate

if TYPE_CHECKING:
    from trainer.checkpoint.resume_state import Boundary
    from trainer.checkpoint.writer import ArtifactWriter
    from trainer.interruption import Interruption
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
        self._interruption = interruption
        use_threads(self._job.threads)
        device = usable_device(self._job.device)
        resumption = check_environments(self._job)
        self._model = make_model(self._job, making.make_training_envs(self._job, resumption.method), device)
        self._evaluation_envs = making.make_evaluation_envs(self._job) if self._job.eval.frequency else None
        stateless = resumption.reasons if resumption.method == "none" else ()
        self._saver = Saver(self._model, standing, writer, stateless)
        self._parent: LoadedParent | None = None
        if stateless:
            standing.add_inexact(stateless)
            events.say(f"[CHECKPOINT] Resume will be approximate: {'; '.join(stateless)}")
        if self._input.request.parent is not None:
            self._parent = LoadedParent(self._model, standing, self._input.request.parent)
            self._hand_on_best_model()
        self._callback = RelayCallback(self._job, standing, interruption, self)

    def run(self) -> None:
        """Learn until the goal.

        Raises:
            SessionInterrupted: something ended the session.
            DivergedError: a loss or a weight is no finite number.
            SessionError: an artifact cannot be written.
        """
        start, goal = self._standing.timesteps, self._job.total_timesteps
        if start >= goal:
            problem = f"its parent checkpoint stands at {start:,} timesteps, and the goal of {goal:,} is met"
            raise SessionError(f"job {self._job.name}", problem, "raise total_timesteps to go on")
        events.emit("started", session=self._input.request.session, timesteps=start, goal=goal)
        # What stands now stays until the end, so the collector need not walk through it again and again.
        gc.freeze()
        gc.enable()
        try:
            with self._interruption.learning():
                self._model.learn(goal - start, callback=self._callback, reset_num_timesteps=self._parent is None)
        except ValueError:
            refuse_unusable_weights(self._model, self._job.name)  # a policy of NaNs fails in many ways
            raise

    def close(self) -> None:
        """End the environments and their worker processes."""
        venvs = (self._model.get_env(), self._evaluation_envs)
        for venv in venvs:
            if venv is not None:
                venv.close()

    @property
    def longest_write(self) -> float:
        """Seconds that the slowest write so far took."""
        return self._writer.longest_write

    def resume(self) -> None:
        """Put the parent's state back, if there is one; called once, at the first rollout start."""
        if self._parent is not None:
            self._parent.restore()
            self._saver.begin(self._parent.record.replay, self._input.parent_replay)

    def note_rows(self) -> None:
        """Take notice of what the rollout added to the replay buffer, if there is one."""
        self._saver.note_rows()

    def evaluate(self) -> None:
        """Measure the policy, and keep it if it is the best."""
        if self._evaluation_envs is None:
            return
        job, milestones = self._job, self._standing.milestones
        mean = evaluate(
            self._model, self._evaluation_envs, job.entry.evaluation, episodes=job.eval.episodes, seed=job.seed
        )
        best_before = milestones.best_mean_reward
        improved = not math.isnan(mean) and (best_before is None or mean > best_before)
        events.emit("evaluation", timesteps=self._standing.timesteps, mean_reward=mean, improved=improved)
        if improved:
            milestones.best_mean_reward = mean
            self._saver.save_best()

    def save(self, boundary: Boundary) -> None:
        """Write a checkpoint."""
        self._saver.save(boundary)

    def _hand_on_best_model(self) -> None:
        if self._input.parent_best_model.exists():
            best = self._input.parent_best_model.read_bytes()
            self._writer.submit(functools.partial(self._writer.put, self._writer.artifacts.best_model, best))
