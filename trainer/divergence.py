"""Training that came to infinities or to what is no number (NaN): noticed before a checkpoint of it is kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from contract.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm

NAN_LOSS = "NaN loss"
"""Why a session ended that diverged, as `interrupted_by` says it."""

_TRAINING = "train/"
_LOSS = "loss"
_REMEDY = "the checkpoints before it are intact: lower the learning rate or clip the gradients, and go on"


def refuse_unusable_losses(logged: Mapping[str, Any], job: str, since: int, now: int) -> None:
    """Look at the losses of the latest update.

    Args:
        logged: what the algorithm's logger holds since its last dump, by name.
        job: the job's name.
        since: timesteps of the boundary before the update.
        now: timesteps of the boundary after it.

    Raises:
        DivergedError: a loss is infinite or no number.
    """
    for name, value in logged.items():
        if name.startswith(_TRAINING) and name.endswith(_LOSS) and not math.isfinite(value):
            problem = f"{name} became {float(value)} between {since:,} and {now:,} timesteps"
            raise DivergedError(f"job {job}", problem, _REMEDY)


def refuse_unusable_weights(model: BaseAlgorithm, job: str) -> None:
    """Look at the weights of `model`.

    Raises:
        DivergedError: one is infinite or no number.
    """
    for name, tensor in model.policy.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            problem = f"its weights {name} are not finite numbers at {model.num_timesteps:,} timesteps"
            raise DivergedError(f"job {job}", problem, _REMEDY)
