"""The deterministic policy of an algorithm as one module: from observations of the environment to its actions.

It does what `predict` does, without the distributions on the way, which ONNX has not: their modes are written out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stable_baselines3.common.base_class import BaseAlgorithm

    from runner.export.normalization import Scaling

RECURRENT, MASKED = "RecurrentPPO", "MaskablePPO"
_ACTOR_CRITIC = frozenset({"PPO", "A2C", "TRPO", MASKED, RECURRENT})
_SQUASHED_GAUSSIAN = frozenset({"SAC", "TQC", "CrossQ"})
_ACTOR = frozenset({"TD3", "DDPG"})
_FORBIDDEN = -1e8
"""The logit of an action that is not allowed, as sb3-contrib has it."""


class ExportablePolicy(nn.Module):
    """A policy whose inputs are tensors in a row: observations, then what the algorithm asks for beside.

    Args:
        model: the algorithm, loaded.
        algorithm: its name.
        scaling: the running statistics to scale each part of an observation by; none where nothing is scaled.

    Attributes:
        policy: the model's.
        parts: the names of what an observation consists of; one without a name where it is no dictionary.
    """

    def __init__(self, model: BaseAlgorithm, algorithm: str, scaling: Mapping[str, Scaling]) -> None:
        super().__init__()
        self.policy: Any = model.policy
        self._algorithm = algorithm
        self._observations, self._actions = model.observation_space, model.action_space
        self._scaling = dict(scaling)
        self.parts = list(model.observation_space) if isinstance(model.observation_space, spaces.Dict) else [""]

    @property
    def input_names(self) -> list[str]:
        """What it takes, in order."""
        names = [f"observation.{part}" if part else "observation" for part in self.parts]
        if self._algorithm == RECURRENT:
            return [*names, "hidden", "cell", "episode_start"]
        return [*names, "action_masks"] if self._algorithm == MASKED else names

    @property
    def output_names(self) -> list[str]:
        """What it gives, in order."""
        return ["action", "next_hidden", "next_cell"] if self._algorithm == RECURRENT else ["action"]

    @property
    def batch_axes(self) -> list[int]:
        """For each input the axis along which several stand beside each other."""
        return [1 if name in ("hidden", "cell") else 0 for name in self.input_names]

    def forward(self, *inputs: torch.Tensor) -> Any:
        """The actions, and after them what a recurrent policy is to be given next time."""
        parts, beside = inputs[: len(self.parts)], inputs[len(self.parts) :]
        observation = self._scaled(parts)
        if self._algorithm == RECURRENT:
            return self._recurrent(observation, *beside)
        if self._algorithm in _ACTOR_CRITIC:
            return self._from_logits(self._latent(self._features(observation)), beside)
        if self._algorithm in _SQUASHED_GAUSSIAN:
            mean, *_ = self.policy.actor.get_action_dist_params(observation)
            return self._within_bounds(torch.tanh(mean))
        if self._algorithm in _ACTOR:
            return self._within_bounds(self.policy.actor(observation))
        chosen = self.policy._predict(observation, deterministic=True)  # noqa: SLF001 - what `predict` calls
        return self._within_bounds(chosen) if isinstance(self._actions, spaces.Box) else chosen

    def _scaled(self, parts: Sequence[torch.Tensor]) -> Any:
        scaled = [
            self._scaling[name].scaled(part) if name in self._scaling else part
            for name, part in zip(self.parts, parts, strict=True)
        ]
        return dict(zip(self.parts, scaled, strict=True)) if isinstance(self._observations, spaces.Dict) else scaled[0]

    def _features(self, observation: Any) -> torch.Tensor:
        return BaseModel.extract_features(self.policy, observation, self.policy.pi_features_extractor)

    def _latent(self, features: torch.Tensor) -> torch.Tensor:
        latent: torch.Tensor = self.policy.action_net(self.policy.mlp_extractor.forward_actor(features))
        return latent

    def _recurrent(
        self, observation: Any, hidden: torch.Tensor, cell: torch.Tensor, starts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        goes_on = (1.0 - starts).reshape(1, -1, 1)
        features = self._features(observation).unsqueeze(0)
        after, (next_hidden, next_cell) = self.policy.lstm_actor(features, (goes_on * hidden, goes_on * cell))
        return self._from_logits(self._latent(after.squeeze(0)), ()), next_hidden, next_cell

    def _from_logits(self, logits: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """The most likely action of the distribution that the last layer describes."""
        actions = self._actions
        for mask in masks:
            logits = torch.where(mask, logits, torch.full_like(logits, _FORBIDDEN))
        if isinstance(actions, spaces.Discrete):
            return logits.argmax(dim=1)
        if isinstance(actions, spaces.MultiDiscrete):
            return _choices(logits, actions.nvec.tolist())
        if isinstance(actions, spaces.MultiBinary):
            is_choice = self._algorithm == MASKED  # there each bit is a choice between two
            return _choices(logits, [2] * (logits.shape[1] // 2)) if is_choice else (logits > 0).to(torch.int64)
        return self._within_bounds(torch.tanh(logits) if self.policy.squash_output else logits)

    def _within_bounds(self, actions: torch.Tensor) -> torch.Tensor:
        """The actions as the environment takes them: stretched to its bounds from -1 to 1, or cut off at them."""
        space = self._actions
        assert isinstance(space, spaces.Box)  # noqa: S101 - the algorithms that come here have no other
        low, high = (torch.as_tensor(each.reshape(1, -1)) for each in (space.low, space.high))
        actions = actions.reshape(actions.shape[0], low.shape[1])
        inside = (
            low + 0.5 * (actions + 1.0) * (high - low)
            if self.policy.squash_output
            else torch.minimum(torch.maximum(actions, low), high)
        )
        return inside.reshape(-1, *space.shape)


def _choices(logits: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    return torch.stack([each.argmax(dim=1) for each in torch.split(logits, sizes, dim=1)], dim=1)
