"""The actions since an environment's last reset: repeated, they lead another one to the same place.

For environments whose state neither pickles nor can be asked for: a physics engine's world behind a
native library, a simulator without a save. They must be deterministic given their generators.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from trainer.environments.spaces import make_generators, random_states, set_random_states
from trainer.environments.state.box2d_worlds import renew_world
from trainer.environments.state.layers import SnapshotError
from trainer.environments.state.native_parts import native_parts, put_back_native, take_native
from trainer.generators import as_bits, capture_generators, put_back_generators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.environments.state.snapshot import SnapshotWrapper

MAX_ACTIONS = 100_000
MAX_BYTES = 32 << 20
"""Of the actions of one episode. What exceeds either bound makes the resume approximate until the next reset."""

_BYTES_OF_AN_OBJECT = 64


class ActionRecorder(gym.Wrapper[Any, Any, Any, Any]):
    """Directly above an environment: notes its resets and actions, and gives them as its state."""

    answers_for_layers_below = True

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._beginning: dict[str, Any] | None = None
        self._actions: list[Any] = []
        self._bytes = 0
        self._latest: tuple[Any, ...] = ()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment, and note how; what came before is forgotten."""
        arguments = copy.deepcopy({"seed": seed, "options": options})
        _make_generators(self.env)
        native = {name: take_native(part) for name, part in native_parts(self.env).items()}
        beginning = {"arguments": arguments, "draws": _generator_states(self.env), "process": capture_generators()}
        self._begin({**beginning, "native": native} if native else beginning)
        observation, info = self._reset(arguments)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take the action, and note it."""
        if self._within_bounds:
            self._bytes += getattr(action, "nbytes", _BYTES_OF_AN_OBJECT)
            self._actions.append(copy.deepcopy(action))
        return self._step(action)

    def get_state(self) -> dict[str, Any]:
        """All that leads here from a reset, and what was seen here.

        Raises:
            SnapshotError: there are too many actions, or there was no reset yet.
        """
        name = type(self.env).__name__
        if self._beginning is None:
            raise SnapshotError(f"{name} has not been reset yet")
        if not self._within_bounds:
            raise SnapshotError(
                f"{name} has run for too long since its last reset for its actions to be repeated: "
                f"{MAX_ACTIONS:,} actions or {MAX_BYTES >> 20} MiB is the most that is recorded"
            )
        return {
            "beginning": self._beginning,
            "actions": _packed(self._actions),
            "bytes": self._bytes,
            "latest": copy.deepcopy(self._latest),
            "draws": _generator_states(self.env),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Reset the environment as it was reset then, and take the same actions.

        Raises:
            SnapshotError: that has led it elsewhere.
        """
        beginning = state["beginning"]
        put_back_generators(beginning["process"])
        _set_draws(self.env, beginning["draws"])
        for name, native in beginning.get("native", {}).items():
            put_back_native(vars(self.env)[name], native)
        self._begin(beginning)
        self._reset(beginning["arguments"])
        self._actions, self._bytes = list(state["actions"]), state["bytes"]
        for action in self._actions:
            self._step(copy.deepcopy(action))
        if as_bits(self._latest) != as_bits(state["latest"]):
            came = f"{type(self.env).__name__} came to another observation or reward"
            raise SnapshotError(f"{came} when its {len(self._actions):,} actions since its last reset were repeated")
        _set_draws(self.env, state["draws"])  # a wrapper may have drawn from them as well

    @property
    def _within_bounds(self) -> bool:
        return len(self._actions) <= MAX_ACTIONS and self._bytes <= MAX_BYTES

    def _begin(self, beginning: dict[str, Any]) -> None:
        self._beginning, self._actions, self._bytes = beginning, [], 0

    def _reset(self, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        renew_world(self.env)
        observation, info = self.env.reset(**copy.deepcopy(arguments))
        self._latest = (copy.deepcopy(observation),)
        return observation, info

    def _step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._latest = (copy.deepcopy(observation), reward, terminated, truncated)
        return observation, reward, terminated, truncated, info


def record_actions(wrapper: SnapshotWrapper) -> SnapshotWrapper:
    """Put an `ActionRecorder` directly above the environment itself, below all of its wrappers."""
    innermost: Any = wrapper
    while isinstance(innermost.env, gym.Wrapper):
        innermost = innermost.env
    innermost.env = ActionRecorder(innermost.env)
    return wrapper


def _spaces(env: Any) -> dict[str, gym.Space[Any]]:
    return {name: each for name, each in vars(env).items() if isinstance(each, gym.Space)}


def _make_generators(env: Any) -> None:
    _ = env.np_random
    for space in _spaces(env).values():
        make_generators(space)


def _generator_states(env: Any) -> dict[str, Any]:
    """Where the generators stand that belong to `env`: its own, and those of its spaces."""
    return {
        "seed": env._np_random_seed,  # noqa: SLF001 - asking without the underscore may make another generator
        "generator": env.np_random.bit_generator.state,
        "spaces": {name: random_states(each) for name, each in _spaces(env).items()},
    }


def _set_draws(env: Any, draws: dict[str, Any]) -> None:
    generator = np.random.Generator(getattr(np.random, draws["generator"]["bit_generator"])())
    generator.bit_generator.state = draws["generator"]
    env.np_random = generator
    env._np_random_seed = draws["seed"]  # noqa: SLF001 - it can be read only
    for name, space in _spaces(env).items():
        set_random_states(space, draws["spaces"][name])


def _packed(actions: list[Any]) -> Sequence[Any]:
    """The actions as one array where that gives each back as it was: a list of arrays takes many times as much."""
    kinds = {(type(each), getattr(each, "dtype", None), getattr(each, "shape", None)) for each in actions}
    if len(kinds) != 1:
        return list(actions)
    ((kind, _, shape),) = kinds
    is_row = issubclass(kind, np.generic) or (kind is np.ndarray and shape != ())
    packed: Sequence[Any] = np.stack(actions) if is_row else list(actions)  # type: ignore[assignment] # indexed alike
    return packed
