"""The noise of gSDE (generalized State-Dependent Exploration), which lasts for a rollout or a number of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.checkpoint.devices import moved

if TYPE_CHECKING:
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm


def capture(model: BaseAlgorithm, explorer: str) -> list[torch.Tensor] | None:
    """The matrices of the noise, on the CPU; None without gSDE.

    Args:
        model: the algorithm.
        explorer: the attribute whose module draws the noise.
    """
    distribution = getattr(getattr(model, explorer, None), "action_dist", None)
    if not getattr(model, "use_sde", False) or distribution is None:
        return None
    return [moved(each, "cpu") for each in (distribution.exploration_mat, distribution.exploration_matrices)]


def put_back(model: BaseAlgorithm, explorer: str, taken: list[torch.Tensor] | None, *, drawn_later: bool) -> None:
    """Put back what `capture` gave, once the generators stand where they stood.

    Args:
        model: the algorithm.
        explorer: the attribute whose module draws the noise.
        taken: the noise as it was.
        drawn_later: whether the uninterrupted run draws this rollout's noise after the boundary: then it is drawn here.
    """
    if not getattr(model, "use_sde", False):
        return
    module: Any = getattr(model, explorer)
    if drawn_later:
        module.reset_noise(model.n_envs)
    elif taken is not None:
        distribution = module.action_dist
        distribution.exploration_mat, distribution.exploration_matrices = moved(taken, model.device)
