"""Measuring a policy without leaving a trace in its training, and without taking its time for good."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, sync_envs_normalization

from contract import events
from trainer.environments.wrapping.pristine import Pristine
from trainer.environments.wrapping.running_means import hand_on_running_means
from trainer.generators import preserved_generators

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.base_class import BaseAlgorithm

    from job.model import Job

SEED_OFFSET = 1_000_003
"""Keeps the evaluation's episodes apart from those that the agent trains on."""
MOST_STEPS = 100_000
"""Of an episode that nothing known limits; one that is longer is none to measure a policy by."""
SHARE = 0.25
"""Of the session limit: what a session's evaluations may take where nothing known limits their episodes."""

_LIMITS = ("_max_episode_steps", "max_episode_steps", "max_steps")
"""Where gymnasium's `TimeLimit` keeps how long an episode may be, and where environments do that limit themselves."""


class Episodes(NamedTuple):
    """What episodes with deterministic actions came to: their mean return, as numpy rounds it, and each of them."""

    mean: float
    rewards: tuple[float, ...]
    lengths: tuple[int, ...]


class EvaluationStopped(BaseException):
    """Raised to end an evaluation for what ends the session; no `except Exception` on the way may stop it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class _TooLong(BaseException):
    """Raised to end an evaluation that comes to no end of its own."""


class Evaluator:
    """Measures the policy of a job now and then.

    Args:
        job: what is trained.
        venv: environments that nothing else uses.
    """

    def __init__(self, job: Job, venv: VecEnv) -> None:
        self._job = job
        self._venv = venv
        self._pristine = Pristine(venv, job.env)
        self._is_limited = limits_episodes(venv)
        self._seconds = 0.0

    @property
    def warning(self) -> str | None:
        """What is to be said before the training, or None."""
        if self._is_limited:
            return None
        problem = "sets no limit to its episodes that is known here, so an evaluation may never end"
        remedy = "write `kwargs: {max_episode_steps: N}` in the job's env block"
        return f"environment {self._job.env.id}: {problem}; {remedy}"

    def measure(self, model: BaseAlgorithm, stop: Callable[[], str | None]) -> Episodes | None:
        """What the job's episodes came to, or None where they came to no end; that is said then.

        Args:
            model: the policy to measure.
            stop: asked after each step for a reason to stop.

        Raises:
            EvaluationStopped: there was one.
        """
        job, steps = self._job, 0
        most_steps, most_seconds = MOST_STEPS * job.eval.episodes, SHARE * job.session_limit
        began = time.monotonic()

        def look() -> None:
            nonlocal steps
            steps += 1
            if reason := stop():
                raise EvaluationStopped(reason)
            if self._is_limited:
                return
            if steps > most_steps or self._seconds + time.monotonic() - began > most_seconds:
                raise _TooLong

        self._pristine.renew()
        training_envs = model.get_env()
        if job.env.wrappers and training_envs is not None:
            hand_on_running_means(training_envs, self._venv)
        try:
            return play(model, self._venv, job.entry.evaluation, episodes=job.eval.episodes, seed=job.seed, watch=look)
        except _TooLong:
            events.say(
                f"environment {job.env.id}: the evaluation was given up after {steps:,} steps; "
                "write `kwargs: {max_episode_steps: N}` in the job's env block"
            )
            return None
        finally:
            self._seconds += time.monotonic() - began


def limits_episodes(venv: VecEnv) -> bool:
    """Whether something that can be seen from outside limits the episodes of environments."""
    return any(venv.has_attr(name) for name in _LIMITS)


def evaluate(
    model: BaseAlgorithm,
    venv: VecEnv,
    module: str,
    *,
    episodes: int,
    seed: int,
) -> float:
    """The mean return of episodes, as `play` plays them."""
    return play(model, venv, module, episodes=episodes, seed=seed).mean


def play(
    model: BaseAlgorithm,
    venv: VecEnv,
    module: str,
    *,
    episodes: int,
    seed: int,
    watch: Callable[[], None] = lambda: None,
) -> Episodes:
    """What `episodes` episodes with deterministic actions come to.

    Every evaluation plays the same episodes, and every generator is left as it was found: training
    goes on as if nothing had been measured.

    Args:
        model: the policy to measure.
        venv: environments that nothing else uses.
        module: where the `evaluate_policy` of this algorithm lives.
        episodes: how many.
        seed: the job's.
        watch: called after each step of an environment; what it raises ends the evaluation.
    """
    with preserved_generators():
        training_envs = model.get_env()
        if training_envs is not None:
            sync_envs_normalization(training_envs, venv)
        venv.seed(seed + SEED_OFFSET)
        evaluate_policy = importlib.import_module(module).evaluate_policy
        rewards, lengths = evaluate_policy(
            model,
            venv,
            n_eval_episodes=episodes,
            deterministic=True,
            callback=lambda _locals, _globals: watch(),
            return_episode_rewards=True,
        )
    mean = float(np.asarray(np.mean(rewards)).item())
    return Episodes(mean, tuple(float(np.asarray(each).item()) for each in rewards), tuple(map(int, lengths)))
