"""Training that came to infinities or to what is no number (NaN): noticed before a checkpoint of it is kept.

What environments give is looked at in each step (`trainer.environments.checks`); here stands what is
looked at before it is saved and when it is gone on from, wherever it came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stable_baselines3.common.running_mean_std import RunningMeanStd

from contract.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
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


def refuse_unusable_statistics(taken: Iterable[Mapping[str, Any]], subject: str, remedy: str = _REMEDY) -> None:
    """Look at running statistics, the latest observations and the like.

    Args:
        taken: attributes by name, of wrappers or of the algorithm; arrays, statistics and dictionaries of them.
        subject: what they belong to.
        remedy: what to do.

    Raises:
        DivergedError: one is infinite or no number.
    """
    for attributes in taken:
        for name, value in attributes.items():
            if not _is_finite(value):
                raise DivergedError(subject, f"its {name.strip('_')} is not a finite number throughout", remedy)


def refuse_unusable_rows(name: str, rows: NDArray[Any]) -> None:
    """Look at rows of an array of the replay buffer.

    Raises:
        DivergedError: one is infinite or no number.
    """
    if not _is_finite(rows):
        problem = f"was to keep {name} with infinity or NaN among them"
        raise DivergedError(
            "the replay buffer", problem, "the checkpoints before it are intact: correct the environment"
        )


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, RunningMeanStd):
        return all(map(_is_finite, (value.mean, value.var, np.asarray(value.count))))
    return not isinstance(value, np.ndarray) or value.dtype.kind != "f" or bool(np.isfinite(value).all())
