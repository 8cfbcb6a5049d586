"""Whether a job's environments give their state back, measured before the training and not assumed.

A fresh set of them is stepped with random actions, its state is taken, and what it does next is
noted. A second fresh set is given the state and the same actions, and must do the same, bit for bit.
"""

from __future__ import annotations

import contextlib
import copy
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch

from contract.errors import InputError, RelayError
from trainer.environments.making import ResumeMethod, is_native, make_envs_to_check
from trainer.environments.state.layers import SnapshotError
from trainer.environments.state.states import restore_states, take_states
from trainer.environments.wrapping.culprit import VEC_WRAPPERS, without_wrappers
from trainer.environments.wrapping.states import put_all_back, take_all
from trainer.generators import as_bits, capture_generators, preserved_generators, put_back_generators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Job

STEPS_BEFORE = 16
STEPS_TO_AN_END = 32
STEPS_AFTER_A_RESET = 16
"""Of each environment: until its state is taken, until an episode has ended after that, from the reset that follows."""

EFFORT: dict[ResumeMethod, int] = {"state": 1, "actions": 8}
"""How many times as far: what repeated actions get wrong shows late."""

PATIENCE = 1.0
"""Seconds after which a course goes on to its next part, however few its steps."""

_GIVEN = ("observation", "reward", "end of an episode", "info")
_INFOS = ("terminal_observation", "TimeLimit.truncated", "is_success")
"""What Stable-Baselines3 reads; others may hold wall-clock times."""


@dataclass(frozen=True)
class Resumption:
    """How the environments of a job give their state back.

    Args:
        method: `state` by `get_state()`/`set_state()` and pickling, `actions` by repeating what
            was done since their last reset, `none` not at all: then a resume is approximate.
        reasons: why each better method does not do, a sentence each.
        forgetful: which wrappers around all environments do not give theirs, a sentence each.
    """

    method: ResumeMethod
    reasons: tuple[str, ...]
    forgetful: tuple[str, ...] = ()

    @property
    def inexact(self) -> tuple[str, ...]:
        """Why going on from a checkpoint is not exact; empty where it is."""
        return (*(self.reasons if self.method == "none" else ()), *self.forgetful)


def check_environments(job: Job) -> Resumption:
    """The best method by which the environments of `job` give their state back; no generator is moved.

    Where it is a wrapper of the job's that does not, it is named; the others are kept if it stands around all
    environments. Environments that raise meanwhile count as giving nothing back: the training meets their error itself.

    Raises:
        InputError: they cannot be made.
        MadeOnceError: they could be made, and cannot be made again: this process has none left to train in.
    """
    found = _best_method(job)
    if found.method != "none":
        return found
    # The wrapper without which it does: the outermost ones are taken off, one after the other.
    for bare, wrapper, key in without_wrappers(job):
        try:
            without = _best_method(bare)
        except RelayError:  # without it the observations are none that can be read
            break
        if without.method != "none":
            forgets = f"{wrapper.name} ({key}) does not give its state back: {'; '.join(dict.fromkeys(found.reasons))}"
            if key == VEC_WRAPPERS:
                return Resumption(without.method, without.reasons, (forgets,))
            return Resumption("none", (forgets,))
    return found


def _best_method(job: Job) -> Resumption:
    methods: tuple[ResumeMethod, ...] = ("state",) if is_native(job.env) else ("state", "actions")
    reasons: list[str] = []
    maker = _Maker(job)
    try:
        with preserved_generators():
            for method in methods:
                try:
                    _check(maker, method)
                except SnapshotError as error:
                    reasons += error.reasons
                else:
                    return Resumption(method, tuple(reasons))
    except (RelayError, MadeOnceError):
        raise
    except Exception as error:  # noqa: BLE001 - anything may come out of a user's environment
        raised = f"{type(error).__name__}: {' '.join(str(error).split())}"
        reasons = [f"{job.env.id} failed while its resume was checked before the training ({raised})"]
    return Resumption("none", tuple(reasons))


class MadeOnceError(Exception):
    """An environment that a process can make only once, which the check before the training has done.

    Args:
        reason: which, and what came of the second one, in a sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Maker:
    """Makes the environments that a check looks at, one after the other.

    Args:
        job: whose.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._has_made = False

    def __call__(self, method: ResumeMethod) -> VecEnv:
        """Fresh ones.

        Raises:
            InputError: they cannot be made at all.
            MadeOnceError: they cannot be made again.
        """
        try:
            venv = make_envs_to_check(self.job, method)
        except InputError as error:
            if self._has_made:
                raise MadeOnceError(once(self.job.env.id, error)) from error
            raise
        self._has_made = True
        return venv


def once(env_id: str, error: InputError) -> str:
    """What is said of an environment whose second instance, made after the first was closed, is refused."""
    return f"{env_id} can be made only once in a process, so that its resume cannot be checked (it {error.problem})"


@dataclass(frozen=True)
class _Snapshot:
    position: int
    states: Any
    wrappers: Any
    generators: tuple[Any, ...]


class _Course:
    """What is done with environments, what they give each time, and their states on the way.

    Args:
        venv: just made.
        seed: of their first episodes, and of the random actions.
    """

    def __init__(self, venv: VecEnv, seed: int) -> None:
        self.actions: list[NDArray[Any] | None] = []
        self.given: list[tuple[Any, ...]] = []
        self.snapshots: list[_Snapshot] = []
        self._venv = venv
        self._drawn = copy.deepcopy(venv.action_space)
        self._drawn.seed(seed)
        self._masked = venv.has_attr("action_masks")
        venv.seed(seed)
        venv.reset()

    def step(self) -> bool:
        """Take random actions, and tell whether an episode has ended."""
        masks = self._venv.env_method("action_masks") if self._masked else [None] * self._venv.num_envs
        actions = np.stack([self._drawn.sample(_sample_mask(self._drawn, mask)) for mask in masks])
        given, ended = _do(self._venv, actions)
        self.actions.append(actions)
        self.given.append(given)
        return ended

    def reset(self) -> None:
        """Reset every environment."""
        given, _ = _do(self._venv, None)
        self.actions.append(None)
        self.given.append(given)

    def take_states(self) -> None:
        """Note the state of everything as of now."""
        states = take_states(self._venv.unwrapped), take_all(self._venv)
        self.snapshots.append(_Snapshot(len(self.actions), *states, capture_generators()))


def _check(make: _Maker, method: ResumeMethod) -> None:
    """Raise a SnapshotError where that method does not do."""
    job = make.job
    with contextlib.closing(make(method)) as venv:
        course = _record(venv, job.seed, EFFORT[method])
    for snapshot in course.snapshots:
        with contextlib.closing(make(method)) as venv:
            venv.seed(job.seed + 1)
            venv.reset()
            restore_states(venv.unwrapped, snapshot.states)
            put_all_back(venv, snapshot.wrappers)
            put_back_generators(snapshot.generators)
            _compare(venv, course, snapshot.position, job.env.id)


def _record(venv: VecEnv, seed: int, effort: int) -> _Course:
    """A course with a snapshot in the middle of an episode, and one right after a reset."""
    course = _Course(venv, seed)
    before, to_an_end, after = (effort * each for each in (STEPS_BEFORE, STEPS_TO_AN_END, STEPS_AFTER_A_RESET))
    for count in _counted_in_time(2 * before):
        if not course.step() and count >= before:
            break
    course.take_states()
    for _ in _counted_in_time(to_an_end):
        if course.step():
            break
    course.reset()
    course.take_states()
    for _ in _counted_in_time(after):
        course.step()
    return course


def _counted_in_time(most: int) -> Iterator[int]:
    """1, 2, …, `most`, cut short when patience is at an end."""
    started = time.monotonic()
    for count in range(1, most + 1):
        yield count
        if time.monotonic() - started > PATIENCE:
            break


def _compare(venv: VecEnv, course: _Course, position: int, env_id: str) -> None:
    """Raise a SnapshotError where the environments give something else than they gave on the course from there on."""
    rest = zip(course.actions[position:], course.given[position:], strict=True)
    for count, (actions, expected) in enumerate(rest, start=1):
        given, _ = _do(venv, actions)
        if given != expected:
            what = next(name for name, ours, then in zip(_GIVEN, given, expected, strict=False) if ours != then)
            steps = "step" if count == 1 else "steps"
            raise SnapshotError(f"{env_id} was given its state back, and its {what} differed {count} {steps} later")


def _do(venv: VecEnv, actions: NDArray[Any] | None) -> tuple[tuple[Any, ...], bool]:
    """Step, or reset where there are no actions; the bits of what that gave, and whether an episode has ended."""
    # The learning that goes on beside it draws from these as well.
    random.random()  # noqa: S311 - no secret
    np.random.random()  # noqa: NPY002 - as Stable-Baselines3 does
    torch.rand(1)
    if actions is None:
        return as_bits((venv.reset(),)), True
    observations, rewards, dones, infos = venv.step(actions.copy())  # some environments write into them
    shown = [{name: info[name] for name in _INFOS if name in info} for info in infos]
    return as_bits((observations, rewards, dones, shown)), bool(dones.any())


def _sample_mask(space: gym.Space[Any], mask: NDArray[Any] | None) -> Any:
    """The mask of an environment for MaskablePPO, all choices in one row, as `space.sample` takes it."""
    if mask is None:
        return None
    allowed = np.asarray(mask, dtype=np.int8)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return tuple(np.split(allowed, np.cumsum(space.nvec)[:-1]))
    if isinstance(space, gym.spaces.MultiBinary):
        zero, one = allowed.reshape(-1, 2).T
        return np.where(zero & one, np.int8(2), one)
    return allowed
