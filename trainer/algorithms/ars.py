"""Augmented Random Search that can be gone on from exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sb3_contrib

if TYPE_CHECKING:
    from sb3_contrib.common.vec_env.async_eval import AsyncEval
    from stable_baselines3.common.callbacks import BaseCallback


class ARS(sb3_contrib.ARS):
    """`sb3_contrib.ARS`, with two things put right for training that is gone on from.

    It says that a rollout begins before it draws the noise of its parameters, so that a session can
    put the generators back in time; `sb3_contrib.ARS` draws first, and its own announcement of the
    same rollout follows. And its schedules run over the whole training: `sb3_contrib.ARS` measures
    the timesteps of all `learn()` calls by the argument of the latest.

    Uninterrupted it learns the same weights as `sb3_contrib.ARS`, which opens what it saves.
    """

    def _do_one_update(self, callback: BaseCallback, async_eval: AsyncEval | None) -> None:
        callback.on_rollout_start()
        super()._do_one_update(callback, async_eval)

    def _update_current_progress_remaining(self, num_timesteps: int, total_timesteps: int) -> None:
        del total_timesteps
        super()._update_current_progress_remaining(num_timesteps, self._total_timesteps)
