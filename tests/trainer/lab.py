"""What a user's own package brings: wrappers and callbacks that remember, some that forget, and a policy."""

from __future__ import annotations

import collections
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

LAB = __name__
Step = tuple[Any, float, bool, bool, dict[str, Any]]


class Remembering(gym.Wrapper[Any, Any, Any, Any]):
    """Rewards by the mean of the latest ones, and by chance.

    Args:
        env: what it stands around.
        length: how many of the latest.
        seed: of its own generator.
    """

    def __init__(self, env: gym.Env[Any, Any], length: int = 5, *, seed: int = 7) -> None:
        super().__init__(env)
        self._latest: collections.deque[float] = collections.deque(maxlen=length)
        self._generator = np.random.default_rng(seed)
        self._mean = 0.0

    def step(self, action: Any) -> Step:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._latest.append(float(reward) + self._generator.normal())
        self._mean += 0.1 * (self._latest[0] - self._mean)
        return observation, float(np.mean(self._latest)) - self._mean, terminated, truncated, info


class Forgetting(Remembering):
    """The same, but it gives nothing back of what it remembers."""

    def get_state(self) -> None:
        return None

    def set_state(self, state: None) -> None:
        del state


class Shaken(VecEnvWrapper):
    """Shakes the observations of all environments a little, further and further on.

    Args:
        venv: what it stands around.
        size: of the shaking.
    """

    def __init__(self, venv: VecEnv, size: float = 0.01) -> None:
        super().__init__(venv)
        self._size = size
        self._generator = np.random.default_rng(11)
        self._drift = np.zeros(())

    def reset(self) -> VecEnvObs:
        return self._shaken(self.venv.reset())

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, dones, infos = self.venv.step_wait()
        return self._shaken(observations), rewards, dones, infos

    def _shaken(self, observations: Any) -> NDArray[np.float32]:
        self._drift = self._drift + self._generator.normal() * self._size
        shaken: NDArray[np.float32] = (observations + self._drift).astype(np.float32)
        return shaken


class Sieve(Shaken):
    """The same with a protocol that forgets."""

    def get_state(self) -> int:
        return 0

    def set_state(self, state: int) -> None:
        assert state == 0


class Locked(Shaken):
    """The same with a part that nobody can pickle."""

    def __init__(self, venv: VecEnv, size: float = 0.01) -> None:
        super().__init__(venv, size)
        self._part = (each for each in range(3))


class Both(gym.Env[Any, Any]):
    """Numbers and a small image, as a Dict."""

    observation_space = gym.spaces.Dict(
        {"numbers": gym.spaces.Box(-9, 9, (3,), np.float32), "kind": gym.spaces.Discrete(3)}
    )
    action_space = gym.spaces.Discrete(2)

    def _observation(self) -> dict[str, Any]:
        return {
            "numbers": self.np_random.normal(2.0, 3.0, 3).clip(-9, 9).astype(np.float32),
            "kind": int(self.np_random.integers(3)),
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self._observation(), {}

    def step(self, action: int) -> Step:
        seen = self._observation()
        return seen, float(seen["numbers"][0] + action), bool(self.np_random.random() < 0.1), False, {}


if "Both-v0" not in gym.registry:
    gym.register("Both-v0", f"{LAB}:Both")
BOTH = f"{LAB}:Both-v0"


class Counting(BaseCallback):
    """Ends the training after so many episodes, as chance will have it, and lets the learning rate fall meanwhile.

    Args:
        episodes: how many.
    """

    def __init__(self, episodes: int = 10**6) -> None:
        super().__init__()
        self._episodes = episodes
        self._seen = 0.0
        self._generator = np.random.default_rng(5)
        self._policy: Any = None

    def _on_training_start(self) -> None:
        self._policy = self.model.policy

    def _on_step(self) -> bool:
        self._seen += float(np.sum(self.locals["dones"])) * self._generator.uniform(0.5, 1.5)
        assert self._policy is self.model.policy
        return self._seen < self._episodes

    def _on_rollout_end(self) -> None:
        with torch.no_grad():
            for each in self._policy.parameters():
                each.mul_(1.0 - 1e-3 * self._seen)


class Told(Counting):
    """The same, by the protocol."""

    def get_state(self) -> dict[str, Any]:
        return {"seen": self._seen, "generator": self._generator.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        self._seen = state["seen"]
        self._generator.bit_generator.state = state["generator"]


class Unpicklable(Counting):
    """The same with a part that nobody can pickle."""

    def _on_training_start(self) -> None:
        super()._on_training_start()
        self._part = (each for each in range(3))


class Struck(BaseCallback):
    """Kills its session (SIGKILL) in the middle of a rollout, once the first checkpoint of its own lies there.

    Args:
        begun_below: sessions that begin there or later are left alone.
    """

    def __init__(self, begun_below: int = 0) -> None:
        super().__init__()
        self._begun_below = begun_below
        self._began = 0
        self._boundaries = 0

    def _on_training_start(self) -> None:
        self._began = self.num_timesteps

    def _on_rollout_start(self) -> None:
        self._boundaries += 1

    def _on_step(self) -> bool:
        if self._began < self._begun_below and self._boundaries > 1:
            working = Path(os.environ.get("RELAY_WORKING", "/kaggle/working"))
            while not any("_steps.zip" in each.read_text("utf-8") for each in working.rglob("manifest.json")):
                time.sleep(0.01)  # it is being written, and listed after that
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has no other
        return True

    def get_state(self) -> None:
        return None

    def set_state(self, state: None) -> None:
        del state


class Extractor(BaseFeaturesExtractor):
    """Of a user's own."""

    def __init__(self, observation_space: gym.Space[Any], features_dim: int = 6) -> None:
        super().__init__(observation_space, features_dim)
        self._layer = nn.Linear(observation_space.shape[0], features_dim)  # type: ignore[index] # a row

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        seen: torch.Tensor = torch.tanh(self._layer(observations))
        return seen


class Mine(ActorCriticPolicy):
    """A policy of a user's own, with an extractor of theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"features_extractor_class": Extractor})
