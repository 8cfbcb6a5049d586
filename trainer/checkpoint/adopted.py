"""What was saved by hand, put into a model: its tensors, running statistics and transitions; all else begins anew."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from contract.errors import CheckpointError, SessionError
from contract.storage import files, layout
from trainer.checkpoint import zip_file
from trainer.checkpoint.replay_buffer import end_running_episodes, replay_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.vec_env import VecNormalize

    from trainer.progress import Progress

_STATISTICS = ("obs_rms", "ret_rms")


def put_adopted(model: BaseAlgorithm, progress: Progress) -> None:
    """Put what a session is to take in into its model, and note why going on from it is not exact.

    Raises:
        SessionError: it does not fit the job.
    """
    session = progress.session_input
    told = files.read_json(session.folder / layout.ADOPTED_FILE)
    with np.load(io.BytesIO((session.folder / layout.ADOPTED_ARRAYS).read_bytes()), allow_pickle=False) as packed:
        arrays = dict(packed)
    remedy = "correct the job, so that it is what was trained"
    try:
        zip_file.load_tensors(model, (session.folder / layout.ADOPTED_MODEL).read_bytes(), session.job.entry.optimizers)
        if (normalizing := model.get_vec_normalize_env()) is not None:
            _fill_statistics(normalizing, arrays)
        model.num_timesteps = progress.timesteps = int(told["timesteps"])
        # Resets the environments, whose observations are seen by the statistics that stand now.
        model._setup_learn(session.job.total_timesteps, None, reset_num_timesteps=False)  # noqa: SLF001 - what `learn` begins with
        buffer = getattr(model, "replay_buffer", None)
        if buffer is not None and told["replay"] is not None:
            _fill_buffer(buffer, arrays, told["replay"])
    except CheckpointError as error:
        raise SessionError(str(told["file"]), error.problem, remedy) from error
    for name, value in told["counters"].items():
        if name in session.job.entry.state:
            setattr(model, name, value)
    progress.milestones.saved_at = progress.milestones.evaluated_at = progress.timesteps
    progress.add_inexact(tuple(told["reasons"]))


def _fill_statistics(normalizing: VecNormalize, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    for name in _STATISTICS:
        found = getattr(normalizing, name, None)
        several = {f"{name}:{key}": each for key, each in found.items()} if isinstance(found, dict) else {name: found}
        for called, statistics in several.items():
            if statistics is None:
                continue
            for part in ("mean", "var", "count"):
                before, now = getattr(statistics, part), arrays.get(f"{called}/{part}")
                if now is None or np.shape(before) != now.shape:
                    shape = "none" if now is None else f"of shape {now.shape}"
                    problem = f"has running statistics {called}.{part} {shape}, and the job's are of {np.shape(before)}"
                    raise CheckpointError("the statistics", problem)
                setattr(statistics, part, float(now) if part == "count" else now.copy())


def _fill_buffer(buffer: ReplayBuffer, arrays: Mapping[str, npt.NDArray[Any]], told: Mapping[str, Any]) -> None:
    """Put the newest rows in, oldest first; as many as there is room for."""
    if isinstance(buffer, HerReplayBuffer):
        raise CheckpointError("the replay buffer", "is for hindsight replay, whose episodes cannot be taken in")
    if buffer.optimize_memory_usage:
        raise CheckpointError("the replay buffer", "is one with optimize_memory_usage, whose rows lean on each other")
    position = int(told["position"])
    rows = 0
    for name, ours in replay_arrays(buffer).items():
        theirs = arrays.get(f"replay/{name}")
        if (
            theirs is None
            or theirs.shape[1:] != ours.shape[1:]
            or not np.can_cast(theirs.dtype, ours.dtype, "same_kind")
        ):
            there = "none" if theirs is None else f"{theirs.dtype} of shape {theirs.shape[1:]}"
            problem = (
                f"has {name} in its replay buffer that are {there}, and the job's are {ours.dtype} of {ours.shape[1:]}"
            )
            raise CheckpointError("the replay buffer", problem)
        in_order = np.concatenate((theirs[position:], theirs[:position])) if told["is_full"] else theirs[:position]
        rows = min(len(in_order), len(ours))
        ours[:rows] = in_order[len(in_order) - rows :]
    buffer.full = rows == buffer.buffer_size
    buffer.pos = rows % buffer.buffer_size
    if rows:
        end_running_episodes(buffer)
