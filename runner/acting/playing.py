"""Episodes that an agent plays with its deterministic actions: the same ones each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from stable_baselines3.common.vec_env import VecNormalize

from trainer.algorithms.suitability import MASKING_ALGORITHM
from trainer.evaluation import SEED_OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from runner.acting.agent import Agent


class Moment(NamedTuple):
    """What an agent sees, and what it does then.

    Args:
        seen: what the policy is given, a row for the one environment.
        raw: the same before an outermost VecNormalize.
        memory: of a recurrent policy before it, None at the beginning.
        starts: whether an episode begins here.
        masks: which actions are allowed, for an algorithm that asks.
        actions: what it does.
    """

    seen: Any
    raw: Any
    memory: Any
    starts: NDArray[np.bool_]
    masks: NDArray[np.bool_] | None
    actions: NDArray[Any]


class Episode(NamedTuple):
    """An episode that has ended: its return and its steps."""

    reward: float
    steps: int


class Player:
    """Lets an agent play one episode after the other.

    Args:
        agent: who.

    Attributes:
        seed: of the first episode: the one that the evaluations of the job begin with.
        episodes: those that have ended so far.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.seed = agent.job.seed + SEED_OFFSET
        self.episodes: list[Episode] = []

    def moments(self) -> Iterator[Moment]:
        """Each moment before the agent's action is taken, without an end."""
        model, venv = self._agent.model, self._agent.venv
        venv.seed(self.seed)
        seen: Any = venv.reset()
        memory: Any = None
        starts = np.ones(venv.num_envs, dtype=np.bool_)
        steps = 0
        while True:
            arguments: dict[str, Any] = {}
            if self._agent.job.algorithm == MASKING_ALGORITHM:
                arguments["action_masks"] = np.stack(venv.env_method("action_masks"))
            actions, after = model.predict(seen, state=memory, episode_start=starts, deterministic=True, **arguments)
            raw = venv.get_original_obs() if isinstance(venv, VecNormalize) else seen
            yield Moment(seen, raw, memory, starts, arguments.get("action_masks"), actions)
            memory = after
            seen, _, starts, infos = venv.step(actions)
            steps += 1
            if starts[0]:
                self.episodes.append(Episode(float(infos[0]["episode"]["r"]), steps))
                steps = 0
