"""A trained policy for use outside a session."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.documents.session import CheckpointRecord
from contract.storage.layout import RECORD_MEMBER, STATE_MEMBER
from job.algorithms.registry import ALGORITHMS
from trainer.checkpoint.resume_state import ResumeState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.running_mean_std import RunningMeanStd

Observation = Any
"""An array, or a dictionary of arrays, with one row for each environment."""

_SMALLEST_BUFFER: dict[str, Any] = {
    "buffer_size": 1,
    "n_steps": 1,
    "replay_buffer_class": None,
    "replay_buffer_kwargs": {},
    "optimize_memory_usage": False,
}
"""Who only acts needs no replay buffer, which may take gigabytes, and none that asks for environments."""


def load_for_inference(path: Path) -> tuple[BaseAlgorithm, Callable[[Observation], Observation]]:
    """The model of a checkpoint, and the function that scales observations as it learned them.

    Stable-Baselines3 and this project both unpickle parts of the file, so load only what you trust.

    Args:
        path: a checkpoint, best model or final model.

    Returns:
        The model, for `predict`, and a function from observations of the environment to those that
        the policy expects; without `VecNormalize` it gives them back as they are. Frames are scaled
        before they are stacked.
    """
    with zipfile.ZipFile(path) as packed:
        record = CheckpointRecord.model_validate_json(packed.read(RECORD_MEMBER))
        state = ResumeState.from_bytes(packed.read(STATE_MEMBER))
    model = (
        ALGORITHMS[record.training["algorithm"]]
        .load_class()
        .load(path, device="cpu", custom_objects=None if state.replay is None else _SMALLEST_BUFFER)
    )
    env = record.training["env"]
    settings = env["wrapper_kwargs"]
    if env["wrapper"] is None or not settings["norm_obs"]:
        return model, lambda observation: observation
    statistics = next(each["obs_rms"] for each in state.statistics if "obs_rms" in each)

    def scale(observation: Observation, known: Any = statistics) -> Observation:
        if isinstance(observation, dict):
            return {name: scale(part, known[name]) for name, part in observation.items()}
        return _scaled(observation, known, settings)

    return model, scale


def _scaled(observation: Observation, known: RunningMeanStd, settings: dict[str, Any]) -> Observation:
    scaled = (observation - known.mean) / np.sqrt(known.var + settings["epsilon"])
    return np.clip(scaled, -settings["clip_obs"], settings["clip_obs"]).astype(np.float32)
