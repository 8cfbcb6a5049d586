"""What VecNormalize has learned of observations: part of a policy, or written down beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecNormalize
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


class Scaling(nn.Module):
    """Scales a part of an observation as VecNormalize does, in the same precision.

    Args:
        mean, variance: as it has learned them.
        epsilon: added to the variance.
        clip: the largest that comes out.
    """

    def __init__(self, mean: NDArray[np.float64], variance: NDArray[np.float64], epsilon: float, clip: float) -> None:
        super().__init__()
        self._mean = torch.as_tensor(mean)
        self._deviation = torch.sqrt(torch.as_tensor(variance) + epsilon)
        self._clip = clip

    def scaled(self, part: torch.Tensor) -> torch.Tensor:
        """What the policy has learned from."""
        return torch.clamp((part.double() - self._mean) / self._deviation, -self._clip, self._clip).float()


def learned(venv: VecEnv) -> VecNormalize | None:
    """The VecNormalize around environments that scales observations; None where none does."""
    while isinstance(venv, VecEnvWrapper):
        if isinstance(venv, VecNormalize) and venv.norm_obs:
            return venv
        venv = venv.venv
    return None


def describe_scaling(normalize: VecNormalize) -> dict[str, Scaling]:
    """How each part of an observation is scaled; one that is no dictionary has the name `""`."""
    epsilon, clip = float(normalize.epsilon), float(normalize.clip_obs)
    return {
        name: Scaling(statistics.mean, statistics.var, epsilon, clip)
        for name, statistics in _statistics(normalize).items()
    }


def as_json(normalize: VecNormalize) -> dict[str, Any]:
    """The same for whoever loads the model of Stable-Baselines3."""
    return {
        "class": "stable_baselines3.common.vec_env.VecNormalize",
        "clip_obs": float(normalize.clip_obs),
        "epsilon": float(normalize.epsilon),
        "observations": {
            name or "observation": {
                "mean": statistics.mean.tolist(),
                "var": statistics.var.tolist(),
                "count": float(statistics.count),
            }
            for name, statistics in _statistics(normalize).items()
        },
    }


def _statistics(normalize: VecNormalize) -> Mapping[str, Any]:
    found: Any = normalize.obs_rms
    return found if isinstance(found, dict) else {"": found}
