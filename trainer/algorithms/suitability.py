"""Whether an algorithm can learn in an environment: what the job alone does not tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import unwrap_vec_normalize

from contract.errors import InputError
from job.algorithms.off_policy import OffPolicyHyperparameters
from job.components import VEC_NORMALIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Job

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
MASKING_ALGORITHM = "MaskablePPO"
EPISODES_IN_BUFFER = 2
"""How many of the longest episodes a buffer must hold, so that one is whole while the other is overwritten."""

LEARNABLE = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
"""The actions that some algorithm takes."""

LEAST_PIXELS, MOST_CHANNELS = 36, 16
"""Of an image: its height and width at least, as the network needs them, and its channels, stacked frames included."""

_KEEP_IMAGES = "set norm_obs to false below env.wrapper_kwargs, since policies scale images themselves"
_TIME_LIMIT = "_max_episode_steps"
"""Where gymnasium's `TimeLimit` keeps it."""


def refuse_unsuitable(job: Job, env: VecEnv) -> None:
    """Refuse an environment that the job's algorithm, policy or replay buffer cannot learn in.

    Raises:
        InputError: the first thing that does not fit.
    """
    for problem, remedy in _misfits(job, env):
        raise InputError(f"environment {job.env.id}", problem, remedy)


def _misfits(job: Job, env: VecEnv) -> Iterator[tuple[str, str]]:
    allowed = tuple(getattr(spaces, name) for name in job.entry.actions)
    if not isinstance(env.action_space, allowed):
        expected = " or ".join(job.entry.actions)
        problem = f"its actions are {_named(env.action_space)}, and {job.algorithm} takes {expected} only"
        some_take_it = isinstance(env.action_space, LEARNABLE)
        wrap = "turn them into one of these in a wrapper of your own, in the job's sources"
        yield problem, "choose another algorithm, as docs/jobs.md lists them" if some_take_it else wrap
    yield from _misfits_of_actions(env.action_space)
    yield from _misfits_of_scaling(job, env)
    yield from _misfits_of_policy(job, env)
    if job.algorithm == MASKING_ALGORITHM and not env.has_attr("action_masks"):
        yield f"has no action_masks(), by which {job.algorithm} tells valid actions", "add it, or set algorithm to PPO"
    if "replay_buffer_class" in job.hyperparameters:
        yield from _misfits_of_hindsight(job, env)


def _misfits_of_actions(space: spaces.Space[Any]) -> Iterator[tuple[str, str]]:
    """Actions of a kind that can be learned, in a form that cannot."""
    actions, remedy = (
        f"its actions are {_named(space)}",
        "turn them into a row in a wrapper of your own, in the sources",
    )
    if isinstance(space, spaces.Box) and 0 in space.shape:
        yield f"{actions}, which leaves nothing to decide", "give them at least one number"
    elif isinstance(space, spaces.MultiDiscrete) and len(space.shape) != 1:
        yield f"{actions}, and Stable-Baselines3 acts in rows only", remedy
    elif isinstance(space, spaces.Box) and not space.is_bounded():
        yield f"{actions} without an end, and Stable-Baselines3 needs finite bounds", "give each a lowest and a highest"


def _misfits_of_scaling(job: Job, env: VecEnv) -> Iterator[tuple[str, str]]:
    """A replay buffer holds what VecNormalize is given, and has the shape of what the policy sees."""
    normalizing = unwrap_vec_normalize(env)
    if normalizing is None or not isinstance(job.typed_hyperparameters, OffPolicyHyperparameters):
        return
    if _shapes(normalizing.observation_space) != _shapes(env.observation_space):
        problem = f"its observations get another shape outside of VecNormalize, and {job.algorithm} keeps those inside"
        yield problem, "write VecFrameStack and VecTransposeImage in env.vec_wrappers, and VecNormalize after them"


def _shapes(space: spaces.Space[Any]) -> Any:
    return {key: part.shape for key, part in space.spaces.items()} if isinstance(space, spaces.Dict) else space.shape


def _misfits_of_policy(job: Job, env: VecEnv) -> Iterator[tuple[str, str]]:
    space = env.observation_space
    if job.policy not in job.entry.policies:
        return  # one of the user's own, which knows what it reads
    policy, kwargs = job.policy, job.hyperparameters.get("policy_kwargs") or {}
    observations = f"its observations are {_named(space)}"
    of_dictionaries, of_images, of_rows = (_policy_named(job, each) for each in ("MultiInput", "Cnn", "Mlp"))
    if isinstance(space, spaces.Dict):
        if policy != of_dictionaries:
            remedy = f"set policy to {of_dictionaries}" if of_dictionaries else "choose another algorithm"
            yield f"{observations}, which the policy {policy} cannot read", remedy
    elif policy == of_dictionaries:
        yield f"{observations}, and the policy {policy} reads dictionaries only", f"set policy to {of_rows}"
    elif policy == of_images and "features_extractor_class" not in kwargs:
        normalized = kwargs.get("normalize_images") is False
        pictures = env.unwrapped.observation_space
        if _is_normalized(job) and is_picture(pictures) and not (normalized and pictures.shape[0] <= MOST_CHANNELS):
            yield f"its observations are images, and VecNormalize leaves none for the policy {policy}", _KEEP_IMAGES
        elif not is_image_space(space, check_channels=False, normalized_image=normalized):
            yield f"{observations}, and the policy {policy} reads images only", f"set policy to {of_rows}"


def notes_on_images(job: Job, env: VecEnv) -> Iterator[str]:
    """What is to be known of images that the job's policy does not see as such, a sentence each.

    Args:
        job: what is trained.
        env: what it acts in, which suits it.
    """
    policy, kwargs = job.policy, job.hyperparameters.get("policy_kwargs") or {}
    if "features_extractor_class" in kwargs:
        return
    space, of_images = env.unwrapped.observation_space, _policy_named(job, "Cnn")
    scaled = kwargs.get("normalize_images") is False
    parts = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
    for key, part in parts.items():
        if not is_picture(part) or policy == of_images:
            continue
        is_read = key and is_image_space(part, normalized_image=scaled)
        if is_read and not _is_normalized(job):
            continue
        what = f"the part {key} of its observations is an image" if key else "its observations are images"
        remedies = [_KEEP_IMAGES] if _is_normalized(job) else []
        remedies += [] if part.dtype == np.uint8 or _is_normalized(job) else ["give them as uint8 from 0 to 255"]
        remedies += [f"set policy to {of_images}"] if not key and of_images else []
        flattened = f"{what} of shape {part.shape}, which {policy} reads as a row of {math.prod(part.shape):,} numbers"
        yield f"{flattened}; to have them seen as images, {' and '.join(remedies) or 'choose another algorithm'}"


def is_picture(space: spaces.Space[Any]) -> TypeGuard[spaces.Box]:
    """Whether a space has the shape of an image that is large enough for the network that reads images."""
    if not isinstance(space, spaces.Box) or len(space.shape) != 3:  # noqa: PLR2004 - height, width, channels
        return False
    first, middle, last = space.shape
    return middle >= LEAST_PIXELS and min(first, last) <= MOST_CHANNELS and max(first, last) >= LEAST_PIXELS


def _is_normalized(job: Job) -> bool:
    if job.env.wrapper is not None:
        return job.env.wrapper_kwargs.norm_obs
    arguments = [each.kwargs for each in job.env.vec_wrappers if each.name == VEC_NORMALIZE]
    return any(each.get("norm_obs", True) and each.get("norm_obs_keys") is None for each in arguments)


def _policy_named(job: Job, beginning: str) -> str | None:
    return next((name for name in job.entry.policies if name.startswith(beginning)), None)


def _misfits_of_hindsight(job: Job, env: VecEnv) -> Iterator[tuple[str, str]]:
    without = "remove replay_buffer_class"
    space = env.observation_space
    if not isinstance(space, spaces.Dict) or not set(GOAL_KEYS) <= set(space.spaces):
        yield f"its observations have no goals: HerReplayBuffer needs the keys {', '.join(GOAL_KEYS)}", without
    if not env.has_attr("compute_reward"):
        yield "has no compute_reward(), by which HerReplayBuffer rewards other goals", f"add it, or {without}"
    hyperparameters = job.typed_hyperparameters
    if not env.has_attr(_TIME_LIMIT) or not isinstance(hyperparameters, OffPolicyHyperparameters):
        return
    n_envs, longest = job.env.n_envs, max(env.get_attr(_TIME_LIMIT))
    if hyperparameters.first_update(n_envs) < longest * n_envs and not hyperparameters.counts_episodes():
        problem = f"its episodes last up to {longest:,} steps, and HerReplayBuffer learns from whole ones only"
        yield problem, f"set learning_starts to {longest * n_envs:,} or more"
    needed = EPISODES_IN_BUFFER * longest * n_envs
    if hyperparameters.capacity() < needed:
        problem = (
            f"its episodes last up to {longest:,} steps, and the buffer must hold {EPISODES_IN_BUFFER} of each copy"
        )
        yield problem, f"set buffer_size to {needed:,} or more"


def _named(space: spaces.Space[object]) -> str:
    """The space in a few words, where its own run over many lines."""
    shape = "" if isinstance(space, spaces.Dict | spaces.Discrete) else f" of shape {space.shape}"
    return f"{type(space).__name__}{shape}"
