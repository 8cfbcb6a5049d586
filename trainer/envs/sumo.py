"""A signalised intersection simulated by Eclipse SUMO; importing this module registers it with gymnasium.

It is the single intersection of sumo-rl (Alegre, 2019) over libsumo. SUMO itself is imported when
an environment is made: `pip install .[sumo]` brings it.
"""

from __future__ import annotations

import copy
import importlib
import os
import re
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

SUMO_INTERSECTION_ID = "SumoIntersection-v0"

PRECISION = 40
"""Decimals of a saved state: all bits of any number from 1e-23 up."""

_OPTIONS = f"--no-step-log --duration-log.disable --save-state.rng --save-state.precision {PRECISION}"
_SIGNAL_STATE = (
    "green_phase",
    "is_yellow",
    "time_since_last_phase_change",
    "next_action_time",
    "last_measure",
    "last_reward",
)
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_ROUTE_DRAWS = re.compile(r'(?<=\brouteHandler=")\d+(?=")')

_holders: weakref.WeakSet[SumoIntersection] = weakref.WeakSet()


class SumoIntersection(gym.Env[np.ndarray[Any, Any], int]):
    """Two one-way roads, from north to south and from west to east, that cross at a signal.

    What is observed and rewarded is sumo-rl's; every episode has traffic of its own, drawn from the
    environment's generator. An episode is truncated after `num_seconds`, never terminated.

    Args:
        num_seconds: simulated seconds of an episode.
        delta_time: simulated seconds between two actions.
        yellow_time: seconds of yellow before another phase.
        min_green: seconds that a green phase lasts at least.
        reward_fn: `diff-waiting-time`, `average-speed`, `queue` or `pressure`.

    Raises:
        ImportError: SUMO is not installed.
        ValueError: this process has such an environment already.
    """

    def __init__(
        self,
        num_seconds: int = 3600,
        delta_time: int = 5,
        yellow_time: int = 2,
        min_green: int = 5,
        reward_fn: str = "diff-waiting-time",
    ) -> None:
        if _holders:
            raise ValueError("SUMO runs one simulation in a process; write `vectorization: subproc`")
        sumo_rl = _import_sumo_rl()
        net = Path(str(sumo_rl.__file__)).parent / "nets" / "single-intersection" / "single-intersection"
        self._traffic = sumo_rl.SumoEnvironment(
            net_file=f"{net}.net.xml",
            route_file=f"{net}.rou.xml",
            single_agent=True,
            num_seconds=num_seconds,
            delta_time=delta_time,
            yellow_time=yellow_time,
            min_green=min_green,
            reward_fn=reward_fn,
            add_system_info=False,
            add_per_agent_info=False,
            sumo_warnings=False,
            additional_sumo_cmd=_OPTIONS,
        )
        self.observation_space = self._traffic.observation_space
        self.action_space = self._traffic.action_space
        self._route_draws_before = 0
        self.max_episode_steps = -(-num_seconds // delta_time)
        _holders.add(self)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode on empty roads."""
        super().reset(seed=seed, options=options)
        return self._start(int(self.np_random.integers(2**31)))

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Show the phase `action`, and simulate until the next decision."""
        observation, reward, terminated, truncated, info = self._traffic.step(int(action))
        return observation, float(reward), terminated, truncated, info

    def close(self) -> None:
        """End the simulation; the process may run another one then."""
        self._traffic.close()
        _holders.discard(self)

    def get_state(self) -> dict[str, Any]:
        """Everything that later behaviour depends on."""
        return {
            "generator": self.np_random.bit_generator.state,
            "seed": self._traffic.sumo_seed,
            "simulation": self._save(),
            "lights": {name: self._lights.getRedYellowGreenState(name) for name in self._traffic.ts_ids},
            "signals": {
                name: {each: getattr(signal, each) for each in _SIGNAL_STATE}
                for name, signal in self._traffic.traffic_signals.items()
            },
            "vehicles": copy.deepcopy(self._traffic.vehicles),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `get_state` gave."""
        self._start(state["seed"])  # a simulation that has run has drawn numbers that loading does not take back
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "state.xml")
            path.write_text(state["simulation"], encoding="utf-8")
            self._traffic.sumo.simulation.loadState(str(path))
        self._route_draws_before = 0
        for name, attributes in state["signals"].items():
            vars(self._traffic.traffic_signals[name]).update(attributes)
            self._lights.setRedYellowGreenState(name, state["lights"][name])
        self._traffic.vehicles = copy.deepcopy(state["vehicles"])
        self.np_random.bit_generator.state = state["generator"]

    @property
    def _lights(self) -> Any:
        return self._traffic.sumo.trafficlight

    def _start(self, seed: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
        observation, info = self._traffic.reset(seed=seed)
        self._route_draws_before = 0
        self._route_draws_before = _route_draws(self._save())
        return observation, info

    def _save(self) -> str:
        """The state of the simulation as SUMO's XML."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "state.xml")
            self._traffic.sumo.simulation.saveState(str(path))
            text = _COMMENT.sub("", path.read_text(encoding="utf-8"))  # it names the time and this machine's folders
        # SUMO counts what its generator of routes has drawn, but goes on counting in a process's next simulation,
        # which seeds it anew; loading skips as many numbers as were counted.
        return _ROUTE_DRAWS.sub(lambda found: str(int(found[0]) - self._route_draws_before), text)


def _route_draws(state: str) -> int:
    found = _ROUTE_DRAWS.search(state)
    return int(found[0]) if found else 0


def _import_sumo_rl() -> ModuleType:
    os.environ.setdefault("LIBSUMO_AS_TRACI", "quiet")  # traci, which sumo-rl imports, is libsumo then
    try:
        importlib.import_module("sumo")  # sets SUMO_HOME, which sumo-rl asks for
        sumo_rl = importlib.import_module("sumo_rl")
    except ImportError as error:
        raise ImportError(f"SUMO is not installed ({error}); run `pip install .[sumo]`") from error
    if not importlib.import_module("traci").isLibsumo():
        raise ImportError("libsumo is not installed, or traci was imported before; run `pip install .[sumo]`")
    return sumo_rl


if SUMO_INTERSECTION_ID not in gym.registry:
    gym.register(SUMO_INTERSECTION_ID, entry_point=f"{__name__}:{SumoIntersection.__name__}")
