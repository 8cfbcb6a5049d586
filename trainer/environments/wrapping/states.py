"""What the wrappers around all environments remember: of Stable-Baselines3's a table says it, others are asked.

One of the job's own that has `get_state()` and `set_state(state)` gives that; any other is pickled attribute by
attribute, and put back in place.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecExtractDictObs,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

from trainer.environments.state.layers import SnapshotError, pickle_layer, unpickle_layer


@dataclass(frozen=True)
class WrapperAttributes:
    """The attributes of a wrapper that its future depends on.

    Args:
        statistics: what it has learned, which holds for other episodes too.
        episodes: what belongs to the episodes that are running.
    """

    statistics: tuple[str, ...] = ()
    episodes: tuple[str, ...] = ()


KNOWN: dict[type[VecEnvWrapper], WrapperAttributes] = {
    VecNormalize: WrapperAttributes(
        statistics=("obs_rms", "ret_rms"),
        episodes=("returns", "old_obs", "old_reward"),
    ),
    VecMonitor: WrapperAttributes(episodes=("episode_returns", "episode_lengths", "episode_count")),
    VecFrameStack: WrapperAttributes(episodes=("stacked_obs",)),
    VecTransposeImage: WrapperAttributes(),
    VecExtractDictObs: WrapperAttributes(),
    VecCheckNan: WrapperAttributes(episodes=("_user_warned",)),
}

_OWN_STATE = "of its own"
"""Under which the state of a wrapper stands that the table does not know."""
_REBUILT = frozenset(
    (
        *("venv", "num_envs", "class_attributes", "metadata", "render_mode", "reset_infos", "_seeds", "_options"),
        *("observation_space", "action_space"),
    )
)
"""What `VecEnvWrapper` sets of itself, the same in each session; the generator of the actions' space is kept apart."""


def capture_statistics(venv: VecEnv) -> list[dict[str, Any]]:
    """What each wrapper has learned, outermost first."""
    return [_taken(each, KNOWN[type(each)].statistics) if type(each) in KNOWN else {} for each in list_wrappers(venv)]


def capture_episodes(venv: VecEnv) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """What each wrapper knows of the episodes that are running, outermost first; and why some tell nothing of it."""
    taken: list[dict[str, Any]] = []
    reasons: list[str] = []
    for each in list_wrappers(venv):
        if type(each) in KNOWN:
            taken.append(_taken(each, KNOWN[type(each)].episodes))
            continue
        try:
            taken.append({_OWN_STATE: pickle_layer(each, _REBUILT)})
        except SnapshotError as error:
            taken.append({})
            reasons += error.reasons
    return taken, tuple(reasons)


def put_back(venv: VecEnv, taken: list[dict[str, Any]]) -> tuple[str, ...]:
    """Put back what one of the two gave, in place; why some do not take theirs.

    Raises:
        ValueError: there are more or fewer wrappers than then.
    """
    reasons: list[str] = []
    for wrapper, attributes in zip(list_wrappers(venv), taken, strict=True):
        if (state := attributes.get(_OWN_STATE)) is None:
            vars(wrapper).update(attributes)
            continue
        try:
            unpickle_layer(wrapper, state)
        except SnapshotError as error:
            reasons += error.reasons
    return tuple(reasons)


def take_all(venv: VecEnv) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The state of every wrapper, a copy.

    Raises:
        SnapshotError: one does not give it.
    """
    episodes, reasons = capture_episodes(venv)
    if reasons:
        raise SnapshotError(*reasons)
    return copy.deepcopy((capture_statistics(venv), episodes))


def put_all_back(venv: VecEnv, taken: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    """Put back what `take_all` gave; it can be put back again.

    Raises:
        SnapshotError: one does not take it.
    """
    reasons = [reason for part in copy.deepcopy(taken) for reason in put_back(venv, part)]
    if reasons:
        raise SnapshotError(*reasons)


def list_wrappers(venv: VecEnv) -> list[VecEnvWrapper]:
    """The wrappers around all environments, outermost first."""
    wrappers = []
    while isinstance(venv, VecEnvWrapper):
        wrappers.append(venv)
        venv = venv.venv
    return wrappers


def _taken(wrapper: VecEnvWrapper, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: vars(wrapper)[name] for name in names if name in vars(wrapper)}
