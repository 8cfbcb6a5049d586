"""The state of Stable-Baselines3's wrappers of environments: a further wrapper is a further row of `KNOWN`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecFrameStack, VecMonitor, VecNormalize


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
}
_STATELESS = WrapperAttributes()


def capture_statistics(venv: VecEnv) -> list[dict[str, Any]]:
    """What each wrapper has learned, outermost first."""
    return [_taken(each, KNOWN.get(type(each), _STATELESS).statistics) for each in _wrappers(venv)]


def capture_episodes(venv: VecEnv) -> list[dict[str, Any]]:
    """What each wrapper knows of the episodes that are running, outermost first."""
    return [_taken(each, KNOWN.get(type(each), _STATELESS).episodes) for each in _wrappers(venv)]


def put_back(venv: VecEnv, taken: list[dict[str, Any]]) -> None:
    """Put back what one of the two gave, in place.

    Raises:
        ValueError: there are more or fewer wrappers than then.
    """
    for wrapper, attributes in zip(_wrappers(venv), taken, strict=True):
        vars(wrapper).update(attributes)


def _wrappers(venv: VecEnv) -> list[VecEnvWrapper]:
    wrappers = []
    while isinstance(venv, VecEnvWrapper):
        wrappers.append(venv)
        venv = venv.venv
    return wrappers


def _taken(wrapper: VecEnvWrapper, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: vars(wrapper)[name] for name in names if name in vars(wrapper)}
