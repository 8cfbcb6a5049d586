"""Watches the training loop: measures, saves and ends it, always at a rollout boundary."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, NoReturn, Protocol

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean
from stable_baselines3.common.vec_env import VecMonitor, unwrap_vec_wrapper

from contract import events
from trainer.divergence import refuse_unusable_losses
from trainer.evaluation import EvaluationStopped
from trainer.own_callbacks import TrainingStopped
from trainer.stopping.deadline import SESSION_LIMIT, Pace
from trainer.stopping.interruption import SessionInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from job.model import Job
    from trainer.checkpoint.resume_state import Boundary
    from trainer.metrics.recorder import Recorder
    from trainer.progress import Progress
    from trainer.stopping.interruption import Interruption

PROGRESS_SECONDS = 0.5
LAST_EVALUATION_SECONDS = 5.0
"""For the evaluation at the goal, once the session was asked to stop: less than who asks waits before it kills."""


def is_due(now: int, last: int, frequency: int) -> bool:
    """Whether a multiple of `frequency` lies in (`last`, `now`]; timesteps, 0 for never."""
    return frequency > 0 and now // frequency > last // frequency


class Work(Protocol):
    """What the session does at rollout boundaries."""

    def resume(self) -> None:
        """Put the parent's state back, if there is one; called once, at the first rollout start."""

    def note_rows(self) -> None:
        """Take notice of what the rollout added to the replay buffer, if there is one."""

    def evaluate(self, stop: Callable[[], str | None]) -> None:
        """Measure the policy, and keep it if it is the best; an EvaluationStopped where `stop` gives a reason."""

    def take_checkpoint(self, boundary: Boundary, *, ends: bool) -> None:
        """Copy a checkpoint, and have it written; where the job ends with it, its final model too."""

    @property
    def longest_write(self) -> float:
        """Seconds that the slowest write so far took."""


class RelayCallback(BaseCallback):
    """The session's hand in `learn()`.

    Args:
        job: what is trained.
        progress: where the session stands; brought up to date at each boundary.
        interruption: what may end the session.
        work: what to do at boundaries.
        recorder: notes what is measured.
    """

    def __init__(
        self, job: Job, progress: Progress, interruption: Interruption, work: Work, recorder: Recorder
    ) -> None:
        super().__init__()
        self._job = job
        self._progress = progress
        self._interruption = interruption
        self._work = work
        self._recorder = recorder
        self._pace = Pace()
        self._started_learning = 0.0
        self._boundary_at = 0.0
        self._progress_at = 0.0
        self._episodes_seen = 0
        self._episodes_at_start = 0
        self._episodes_noted = 0

    def _on_rollout_start(self) -> None:
        if not self._started_learning:
            self._start()
        elif self.model.num_timesteps == self._progress.timesteps:
            return  # announced twice
        else:
            self._pass_boundary("rollout_start")
        self._recorder.follow_logger()
        self._boundary_at = time.monotonic()
        self._interruption.enter("rollout")

    def _on_rollout_end(self) -> None:
        if "infos" not in self.locals:  # ARS, which tells of its episodes when all of them are over
            self._recorder.note_episodes(list(self.model.ep_info_buffer or ()))
        self._interruption.enter("learning")

    def _on_step(self) -> bool:
        now = time.monotonic()
        self._interruption.show_sign(now)
        if self._monitor.episode_count != self._episodes_noted:
            self._note_episodes()
        if now - self._progress_at >= PROGRESS_SECONDS:
            self._note_progress()
            self._show_progress()
        return True

    def _on_training_end(self) -> None:
        self._pass_boundary("training_end")
        self._show_progress()

    def _start(self) -> None:
        with self._interruption.saving("preparation"):  # half a state is none
            self._work.resume()
        self._started_learning = time.monotonic()
        self._episodes_seen = self._episodes_at_start = self._episodes_noted = self._monitor.episode_count
        self._recorder.begin(self.model)
        self._note_progress()
        self._show_progress()
        if reason := self._interruption.asked:
            raise SessionInterrupted(reason)  # nothing has happened that a checkpoint would keep
        milestones = self._progress.milestones
        # The session before had no time left for it, or saved before it.
        is_left_over = is_due(self._progress.timesteps, milestones.evaluated_at, self._job.eval.frequency)
        reason = self._measure() if is_left_over else None
        if self._progress.stopped_by is not None:
            self._end("rollout_start")
        # A session that has no time for it makes a rollout nevertheless: the next one would have no more.
        if reason not in (None, SESSION_LIMIT):
            raise SessionInterrupted(reason)

    @functools.cached_property
    def _monitor(self) -> VecMonitor:
        monitor = unwrap_vec_wrapper(self.training_env, VecMonitor)
        if monitor is None:
            raise TypeError("the environments are not monitored")
        return monitor

    def _note_episodes(self) -> None:
        """Have those noted that have ended in this step, where the algorithm shows what its environments tell."""
        self._episodes_noted = self._monitor.episode_count
        told = zip(self.locals.get("infos", ()), self.locals.get("dones", ()), strict=False)
        self._recorder.note_episodes([info["episode"] for info, is_over in told if is_over and "episode" in info])

    def _note_progress(self) -> None:
        """Bring up to date what takes tens of microseconds: too long for each rollout where that is one step."""
        progress, latest = self._progress, self.model.ep_info_buffer
        ended = self._monitor.episode_count - self._episodes_seen
        self._episodes_seen += ended
        progress.milestones.episodes += ended
        if latest:
            progress.mean_reward = float(safe_mean([episode["r"] for episode in latest]))
        steps = self.model.num_timesteps - progress.timesteps_at_start
        seconds = time.monotonic() - self._started_learning
        if steps and seconds > 0:
            progress.steps_per_second = steps / seconds

    def _pass_boundary(self, boundary: Boundary) -> None:
        progress, milestones, pace = self._progress, self._progress.milestones, self._pace
        now = self.model.num_timesteps
        ends = boundary == "training_end" or progress.stopped_by is not None
        pace.note("rollout", time.monotonic() - self._boundary_at)
        pace.note("write", self._work.longest_write)
        refuse_unusable_losses(self.model.logger.name_to_value, self._job.name, progress.timesteps, now)
        progress.timesteps = now
        self._work.note_rows()
        if progress.resumed is not None and progress.resumed.first_rollout_mean_reward is None:
            self._compare_with_parent()
        frequency = self._job.eval.frequency
        unmeasured_end = ends and frequency > 0 and now != milestones.evaluated_at
        measures = unmeasured_end or is_due(now, milestones.evaluated_at, frequency)
        reason = None
        if measures and not ends and self._interruption.is_out_of_time(pace.evaluation, pace):
            reason, measures = SESSION_LIMIT, False  # the next session begins with the evaluation
        saves = ends or is_due(now, milestones.saved_at, self._job.save_frequency)
        if measures:
            if saves and not ends:  # whatever comes of the evaluation; the next session begins with it
                self._save(boundary)
                saves = False
            reason = self._measure(ends=ends)  # at the end nobody would do it later, so it stands in the checkpoint
        if progress.stopped_by is not None and boundary != "training_end":
            self._end(boundary)
        if not ends and reason is None:
            reason = self._interruption.reason(pace)
        if saves or (reason and milestones.saved_at != now):
            self._save(boundary, ends=ends)
        if reason and not ends:
            self._show_progress()
            raise SessionInterrupted(reason)

    def _end(self, boundary: Boundary) -> NoReturn:
        """End a training that a callback has ended, before its goal."""
        self._save(boundary, ends=True)
        self._show_progress()
        events.say(f"{self._progress.stopped_by} ends the training at {self._progress.timesteps:,} timesteps")
        raise TrainingStopped

    def _save(self, boundary: Boundary, *, ends: bool = False) -> None:
        began = time.monotonic()
        self._note_progress()
        self._progress.milestones.saved_at = self._progress.timesteps
        with self._interruption.saving():
            self._work.take_checkpoint(boundary, ends=ends)
        self._pace.note("copy", time.monotonic() - began)

    def _compare_with_parent(self) -> None:
        """Put the first rollout's mean reward beside the parent's last, once an episode has ended."""
        resumed, latest = self._progress.resumed, self.model.ep_info_buffer
        ended = self._monitor.episode_count - self._episodes_at_start
        if resumed is None or not ended or not latest:
            return
        first = float(safe_mean([episode["r"] for episode in list(latest)[-ended:]]))
        self._progress.resumed = resumed.model_copy(update={"first_rollout_mean_reward": first})
        last = "none" if resumed.mean_reward is None else f"{resumed.mean_reward:.2f}"
        events.say(f"[CHECKPOINT] Mean reward of the first rollout: {first:.2f}, of the parent's last: {last}")

    def _measure(self, *, ends: bool = False) -> str | None:
        """Measure the policy; give a reason to stop where one came up meanwhile, and the policy was not measured.

        The last evaluation has nobody who would do it later, so it goes on for a while when it is asked to stop.
        """
        began, asked_at = time.monotonic(), float("inf")

        def stop() -> str | None:
            nonlocal asked_at
            now = time.monotonic()
            self._interruption.show_sign(now)
            asked = self._interruption.asked
            if asked is not None:
                asked_at = min(asked_at, now)
                if not ends or now - asked_at > LAST_EVALUATION_SECONDS:
                    return asked
            return SESSION_LIMIT if self._interruption.has_to_save(self._pace) else None

        self._note_progress()
        try:
            with self._interruption.within("evaluation"):
                self._work.evaluate(stop)
        except EvaluationStopped as stopped:
            events.say(f"the evaluation at {self._progress.timesteps:,} timesteps was given up: {stopped.reason}")
            return stopped.reason
        self._progress.milestones.evaluated_at = self._progress.timesteps
        self._pace.note("evaluation", time.monotonic() - began)
        return None

    def _show_progress(self) -> None:
        self._recorder.show()
        self._progress_at = time.monotonic()
        progress = self._progress
        events.emit(
            "progress",
            timesteps=self.model.num_timesteps,
            goal=self._job.total_timesteps,
            steps_per_second=progress.steps_per_second,
            mean_reward=progress.mean_reward,
            episodes=progress.milestones.episodes,
        )
