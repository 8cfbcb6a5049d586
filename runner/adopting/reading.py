"""What is to be taken in, found sound and as the job needs it: files of a session's input."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.errors import CheckpointError, InputError, RelayError
from contract.storage import files, layout
from job.components import VEC_NORMALIZE
from job.model import stated_normalization
from restore.adoptable.model import read_model
from restore.adoptable.normalization import Normalization, read_normalization
from restore.adoptable.transitions import read_transitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.adopting.finding import Found

_REPLAY_KEY = "buffer_size"
_CANNOT = "ARS"


def newest_sound(found: list[Found], job: dict[str, Any], say: Callable[[str], None]) -> tuple[Found, dict[str, bytes]]:
    """The newest checkpoint that is sound, and the files by which a session takes it in; others are told of.

    Args:
        found: checkpoints, newest first.
        job: what takes them in, as JSON.
        say: tells the user.

    Raises:
        RelayError: none is sound, or the job is another than what was trained.
    """
    if job["algorithm"] == _CANNOT:
        problem = f"trains by {_CANNOT}, whose checkpoints cannot be taken in"
        raise InputError(f"job {job['name']}", problem, "begin it anew")
    refused: list[str] = []
    for each in found:
        try:
            return each, dict(_files(each, job))
        except CheckpointError as error:
            refused.append(str(error))
            say(f"[CHECKPOINT] Refused {error}")
    raise RelayError(f"job {job['name']}", f"no checkpoint can be taken in ({refused[0]})", "copy them again")


def _files(found: Found, job: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    rules = job["validation"]
    model = read_model(found.model, timesteps=found.timesteps, max_bytes=rules["max_checkpoint_bytes"])
    arrays: dict[str, Any] = {}
    at = f"{found.timesteps:,} timesteps"
    reasons = [f"taken in from {found.model.name} at {at}: episodes and generators began anew there"]
    normalization = read_normalization(found.normalization) if found.normalization else None
    _refuse_other_normalization(found, job, normalization)
    if normalization is not None:
        arrays |= normalization.arrays
    replay = None
    if _REPLAY_KEY in job["hyperparameters"]:
        if found.replay is None:
            reasons.append(f"its replay buffer was not saved, and is empty at {at}")
        else:
            transitions = read_transitions(found.replay, rules["max_replay_bytes"])
            replay = {"position": transitions.position, "is_full": transitions.is_full}
            arrays |= {f"replay/{name}": each for name, each in transitions.arrays.items()}
    told = {
        "file": found.model.name,
        "timesteps": found.timesteps,
        "counters": model.counters,
        "replay": replay,
        "reasons": reasons,
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    yield layout.ADOPTED_FILE, files.readable_json(told)
    yield layout.ADOPTED_MODEL, model.content
    yield layout.ADOPTED_ARRAYS, stream.getvalue()


def _refuse_other_normalization(found: Found, job: dict[str, Any], normalization: Normalization | None) -> None:
    """A policy that has learned from normalized observations is nothing without their statistics."""
    subject = f"job {job['name']}"
    settings = stated_normalization(job["env"])
    if normalization is None and settings is not None:
        pickle = found.model.name.replace(f"_{found.timesteps}_", f"_vecnormalize_{found.timesteps}_")
        problem = f"has the wrapper {VEC_NORMALIZE}, and beside {found.model.name} there are no statistics of one"
        raise InputError(subject, problem, f"put {pickle.replace('.zip', '.pkl')} there")
    if normalization is not None and settings is None:
        problem = f"has no {VEC_NORMALIZE}, and {found.model.name} was trained with one"
        raise InputError(subject, problem, f"write `wrapper: {VEC_NORMALIZE}` under env")
    if normalization is not None and settings is not None and normalization.norm_obs != settings["norm_obs"]:
        stated = str(settings["norm_obs"]).lower()
        problem = f"sets norm_obs to {stated}, and {found.model.name} was trained with the opposite"
        raise InputError(subject, problem, "change it under env.wrapper_kwargs")
