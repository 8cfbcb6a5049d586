"""Watches the training loop: measures, saves and ends it, always at a rollout boundary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean

from trainer import progress
from trainer.interruption import SESSION_LIMIT, SessionInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.interruption import Interruption
    from trainer.job import Job
    from trainer.resume_state import Boundary
    from trainer.standing import Standing

PROGRESS_SECONDS = 0.5


def is_due(now: int, last: int, frequency: int) -> bool:
    """Whether a multiple of `frequency` lies in (`last`, `now`]; timesteps, 0 for never."""
    return frequency > 0 and now // frequency > last // frequency


class RelayCallback(BaseCallback):
    """The session's hand in `learn()`.

    Args:
        job: what is trained.
        standing: where the session stands; brought up to date at each boundary.
        interruption: what may end the session.
        restore: puts the parent's state back, at the first rollout start; None without a parent.
        evaluate: measures the policy and keeps it if it is the best.
        save: writes a checkpoint of the given boundary.
    """

    def __init__(
        self,
        job: Job,
        standing: Standing,
        interruption: Interruption,
        *,
        restore: Callable[[], None] | None,
        evaluate: Callable[[], None],
        save: Callable[[Boundary], None],
    ) -> None:
        super().__init__()
        self._job = job
        self._standing = standing
        self._interruption = interruption
        self._restore = restore
        self._evaluate = evaluate
        self._save = save
        self._started_learning = 0.0
        self._boundary_at = 0.0
        self._longest_rollout = 0.0
        self._longest_evaluation = 0.0
        self._longest_save = 0.0
        self._progress_at = 0.0

    def _on_rollout_start(self) -> None:
        if not self._started_learning:
            self._start()
        else:
            self._pass_boundary("rollout_start")
        self._boundary_at = time.monotonic()

    def _on_step(self) -> bool:
        self._standing.milestones.episodes += int(self.locals["dones"].sum())
        if time.monotonic() - self._progress_at >= PROGRESS_SECONDS:
            self._show_progress()
        return True

    def _on_training_end(self) -> None:
        self._pass_boundary("training_end")
        self._show_progress()

    def _start(self) -> None:
        if self._restore is not None:
            self._restore()
            self._restore = None
        self._started_learning = time.monotonic()
        self._show_progress()
        milestones = self._standing.milestones
        if is_due(self._standing.timesteps, milestones.evaluated_at, self._job.eval.frequency):
            self._measure()  # the session before had no time left for it

    def _note_standing(self) -> None:
        standing, finished = self._standing, self.model.ep_info_buffer
        standing.timesteps = self.model.num_timesteps
        if finished:
            standing.mean_reward = float(safe_mean([episode["r"] for episode in finished]))
        steps, seconds = standing.timesteps - standing.timesteps_at_start, time.monotonic() - self._started_learning
        if steps and seconds > 0:
            standing.steps_per_second = steps / seconds

    def _pass_boundary(self, boundary: Boundary) -> None:
        self._note_standing()
        now, milestones = self._standing.timesteps, self._standing.milestones
        self._longest_rollout = max(self._longest_rollout, time.monotonic() - self._boundary_at)
        frequency = self._job.eval.frequency
        ends = boundary == "training_end"
        unmeasured_end = ends and frequency > 0 and now != milestones.evaluated_at
        reason = None
        if unmeasured_end or is_due(now, milestones.evaluated_at, frequency):
            if not ends and self._interruption.is_out_of_time(self._longest_evaluation, self._longest_save):
                reason = SESSION_LIMIT  # the next session begins with the evaluation
            else:
                self._measure()
        if not ends and reason is None:
            reason = self._interruption.reason(self._longest_rollout, self._longest_save)
        if ends or reason or is_due(now, milestones.saved_at, self._job.save_frequency):
            began = time.monotonic()
            milestones.saved_at = now
            self._save(boundary)
            self._longest_save = max(self._longest_save, time.monotonic() - began)
        if reason:
            self._show_progress()
            raise SessionInterrupted(reason)

    def _measure(self) -> None:
        began = time.monotonic()
        self._evaluate()
        self._standing.milestones.evaluated_at = self._standing.timesteps
        self._longest_evaluation = max(self._longest_evaluation, time.monotonic() - began)

    def _show_progress(self) -> None:
        self._progress_at = time.monotonic()
        standing = self._standing
        progress.emit(
            "progress",
            timesteps=self.model.num_timesteps,
            goal=self._job.total_timesteps,
            steps_per_second=standing.steps_per_second,
            mean_reward=standing.mean_reward,
            episodes=standing.milestones.episodes,
        )
