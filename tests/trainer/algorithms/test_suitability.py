"""An environment that an algorithm cannot learn in is refused in one sentence, before anything is learnt."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import DQN, HerReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv

from contract.errors import InputError
from job.model import parse_job
from tests.trainer.conftest import TROUBLED
from trainer.algorithms.suitability import notes_on_images, refuse_unsuitable
from trainer.environments.making import make_training_envs

HER = {"replay_buffer_class": "HerReplayBuffer"}
LONGEST = 50


class Goals(BitFlippingEnv):
    """Goals that chance does not reach, so that every episode is as long as can be."""

    def __init__(self) -> None:
        super().__init__(n_bits=40, max_steps=LONGEST)


class Blind(gym.Env[Any, Any]):
    """Goals that nothing rewards."""

    observation_space = spaces.Dict(
        dict.fromkeys(("observation", "achieved_goal", "desired_goal"), spaces.MultiBinary(3))
    )
    action_space = spaces.Discrete(3)


class Pictures(gym.Env[Any, Any]):
    """Images as floating-point numbers."""

    observation_space = spaces.Box(0, 1, (3, 36, 36), np.float32)
    action_space = spaces.Discrete(3)


class Camera(gym.Env[Any, Any]):
    """Images as policies read them, alone or as a part of more.

    Args:
        parts: what else is observed.
        dtype: of the image.
    """

    action_space = spaces.Discrete(3)

    def __init__(self, parts: tuple[str, ...] = (), dtype: str = "uint8", size: int = 40) -> None:
        image = spaces.Box(0, 255, (size, size, 3), np.dtype(dtype).type)
        rest: dict[str, spaces.Space[Any]] = {part: spaces.Box(-1, 1, (2,)) for part in parts}
        self.observation_space = spaces.Dict({"front": image, **rest}) if parts else image


class Acting(gym.Env[Any, Any]):
    """Any space of actions.

    Args:
        actions: its name.
    """

    observation_space = spaces.Box(-1, 1, (2,))

    def __init__(self, actions: str) -> None:
        self.action_space = ACTIONS[actions]


ACTIONS: dict[str, spaces.Space[Any]] = {
    "nothing": spaces.Box(0, 1, (0,)),
    "a table": spaces.MultiDiscrete(np.array([[2, 3], [2, 2]])),
    "without an end": spaces.Box(-np.inf, np.inf, (2,)),
    "half open": spaces.Box(0, np.inf, (2,)),
}
ENVIRONMENTS: dict[str, Any] = {
    "Acting-v0": Acting,
    "Blind-v0": Blind,
    "Pictures-v0": Pictures,
    "Goals-v0": Goals,
    "Camera-v0": Camera,
}
for name, entry in ENVIRONMENTS.items():
    if name not in gym.registry:
        gym.register(name, entry, max_episode_steps=LONGEST)

DQN_WITH_GOALS = {**HER, "batch_size": 4, "train_freq": 4}


def refuse(env: str, algorithm: str, policy: str = "MlpPolicy", n_envs: int = 1, **hyperparameters: Any) -> None:
    values = {
        "name": "job",
        "env": {"id": env, "n_envs": n_envs, "vectorization": "dummy"},
        "algorithm": algorithm,
        "policy": policy,
        "hyperparameters": hyperparameters,
        "total_timesteps": 100,
    }
    job = parse_job(values)
    venv = make_training_envs(job)
    try:
        refuse_unsuitable(job, venv)
    finally:
        venv.close()


@pytest.mark.parametrize(
    ("env", "algorithm", "policy", "hyperparameters", "sentence"),
    [
        (
            "Pendulum-v1",
            "DQN",
            "MlpPolicy",
            {},
            (
                "environment Pendulum-v1: its actions are Box of shape (1,), and DQN takes Discrete only; "
                "choose another algorithm, as docs/jobs.md lists them"
            ),
        ),
        (
            "CartPole-v1",
            "SAC",
            "MlpPolicy",
            {"noise_type": "normal", "noise_std": 0.1},
            (
                "environment CartPole-v1: its actions are Discrete, and SAC takes Box only; "
                "choose another algorithm, as docs/jobs.md lists them"
            ),
        ),
        (
            "Goals-v0",
            "DQN",
            "MlpPolicy",
            {},
            (
                "environment Goals-v0: its observations are Dict, which the policy MlpPolicy cannot read; "
                "set policy to MultiInputPolicy"
            ),
        ),
        (
            "Goals-v0",
            "RecurrentPPO",
            "MlpLstmPolicy",
            {},
            (
                "environment Goals-v0: its observations are Dict, which the policy MlpLstmPolicy cannot read; "
                "set policy to MultiInputLstmPolicy"
            ),
        ),
        (
            "Goals-v0",
            "ARS",
            "MlpPolicy",
            {},
            (
                "environment Goals-v0: its observations are Dict, which the policy MlpPolicy cannot read; "
                "choose another algorithm"
            ),
        ),
        (
            "CartPole-v1",
            "PPO",
            "MultiInputPolicy",
            {},
            (
                "environment CartPole-v1: its observations are Box of shape (4,), "
                "and the policy MultiInputPolicy reads dictionaries only; set policy to MlpPolicy"
            ),
        ),
        (
            "CartPole-v1",
            "RecurrentPPO",
            "CnnLstmPolicy",
            {},
            (
                "environment CartPole-v1: its observations are Box of shape (4,), "
                "and the policy CnnLstmPolicy reads images only; set policy to MlpLstmPolicy"
            ),
        ),
        (
            "Pictures-v0",
            "DQN",
            "CnnPolicy",
            {},
            (
                "environment Pictures-v0: its observations are Box of shape (3, 36, 36), "
                "and the policy CnnPolicy reads images only; set policy to MlpPolicy"
            ),
        ),
        (
            "CartPole-v1",
            "MaskablePPO",
            "MlpPolicy",
            {},
            (
                "environment CartPole-v1: has no action_masks(), by which MaskablePPO tells valid actions; "
                "add it, or set algorithm to PPO"
            ),
        ),
        (
            TROUBLED,
            "DQN",
            "MultiInputPolicy",
            HER,
            (
                f"environment {TROUBLED}: its observations have no goals: HerReplayBuffer needs the keys "
                "observation, achieved_goal, desired_goal; remove replay_buffer_class"
            ),
        ),
        (
            "Blind-v0",
            "DQN",
            "MultiInputPolicy",
            HER,
            (
                "environment Blind-v0: has no compute_reward(), by which HerReplayBuffer rewards other goals; "
                "add it, or remove replay_buffer_class"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    env: str, algorithm: str, policy: str, hyperparameters: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        refuse(env, algorithm, policy, **hyperparameters)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("env", "algorithm", "policy", "hyperparameters"),
    [
        ("Pictures-v0", "DQN", "CnnPolicy", {"policy_kwargs": {"normalize_images": False}}),
        ("CartPole-v1", "DQN", "CnnPolicy", {"policy_kwargs": {"features_extractor_class": "FlattenExtractor"}}),
        ("Pictures-v0", "PPO", "MlpPolicy", {}),
        ("Goals-v0", "DQN", "MultiInputPolicy", {}),
        (TROUBLED, "PPO", "MultiInputPolicy", {}),
    ],
)
def test_what_fits_is_not_refused(env: str, algorithm: str, policy: str, hyperparameters: dict[str, Any]) -> None:
    refuse(env, algorithm, policy, **hyperparameters)


@pytest.mark.parametrize(
    ("n_envs", "hyperparameters", "remedy"),
    [
        (1, {"learning_starts": 47}, "set learning_starts to 50 or more"),
        (1, {"learning_starts": 48}, None),
        (4, {"learning_starts": 191}, "set learning_starts to 200 or more"),
        (4, {"learning_starts": 192}, None),
        (4, {}, "set learning_starts to 200 or more"),
        (1, {"learning_starts": 0, "train_freq": [1, "episode"]}, None),
        (1, {"buffer_size": 2 * LONGEST - 1}, "set buffer_size to 100 or more"),
        (1, {"buffer_size": 2 * LONGEST}, None),
        (2, {"buffer_size": 4 * LONGEST - 1}, "set buffer_size to 200 or more"),
        (2, {"buffer_size": 4 * LONGEST}, None),
    ],
)
def test_hindsight_needs_whole_episodes(n_envs: int, hyperparameters: dict[str, Any], remedy: str | None) -> None:
    everything = {**DQN_WITH_GOALS, **hyperparameters}
    if remedy is None:
        refuse("Goals-v0", "DQN", "MultiInputPolicy", n_envs, **everything)
        return
    with pytest.raises(InputError, match="its episodes last up to 50 steps") as caught:
        refuse("Goals-v0", "DQN", "MultiInputPolicy", n_envs, **everything)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(("learning_starts", "learns"), [(47, False), (48, True)])
def test_hindsight_that_begins_too_early_would_fail_in_the_session(learning_starts: int, *, learns: bool) -> None:
    arguments: dict[str, Any] = {**DQN_WITH_GOALS, "replay_buffer_class": HerReplayBuffer, "buffer_size": 200}
    model = DQN("MultiInputPolicy", gym.make("Goals-v0"), learning_starts=learning_starts, **arguments)
    if learns:
        model.learn(60)
    else:
        with pytest.raises(RuntimeError, match="Unable to sample before the end of the first episode"):
            model.learn(60)


def notes(policy: str, algorithm: str = "PPO", *, normalized: bool = False, **kwargs: Any) -> list[str]:
    """What is said of the images of a camera to a policy that it suits."""
    env = {"id": "Camera-v0", "kwargs": kwargs, **({"wrapper": "VecNormalize"} if normalized else {})}
    job = parse_job({"name": "job", "env": env, "algorithm": algorithm, "policy": policy, "total_timesteps": 100})
    venv = make_training_envs(job)
    try:
        refuse_unsuitable(job, venv)
        return list(notes_on_images(job, venv))
    finally:
        venv.close()


@pytest.mark.parametrize("algorithm", ["PPO", "DQN"])
def test_images_that_vecnormalize_leaves_none_of_are_refused(algorithm: str) -> None:
    with pytest.raises(InputError) as caught:
        notes("CnnPolicy", algorithm, normalized=True)
    assert str(caught.value) == (
        "environment Camera-v0: its observations are images, and VecNormalize leaves none for the policy CnnPolicy; "
        "set norm_obs to false below env.wrapper_kwargs, since policies scale images themselves"
    )


FLATTENED = "its observations are images of shape (40, 40, 3), which MlpPolicy reads as a row of 4,800 numbers"
KEEP = "set norm_obs to false below env.wrapper_kwargs, since policies scale images themselves"


@pytest.mark.parametrize(
    ("policy", "changes", "said"),
    [
        ("MlpPolicy", {}, f"{FLATTENED}; to have them seen as images, set policy to CnnPolicy"),
        ("MlpPolicy", {"normalized": True}, f"{FLATTENED}; to have them seen as images, {KEEP} and set policy to Cnn"),
        ("MlpPolicy", {"dtype": "float32"}, f"{FLATTENED}; to have them seen as images, give them as uint8 from 0 to"),
        ("MultiInputPolicy", {"parts": ("speed",), "dtype": "int64"}, "the part front of its observations is an image"),
        ("MultiInputPolicy", {"parts": ("speed",), "normalized": True}, "the part front of its observations is an im"),
    ],
)
def test_images_that_are_read_as_rows_are_told_with_what_to_set(
    policy: str, changes: dict[str, Any], said: str
) -> None:
    (note,) = notes(policy, **changes)
    assert note.startswith(said)


@pytest.mark.parametrize(
    ("policy", "changes"),
    [("CnnPolicy", {}), ("MultiInputPolicy", {"parts": ("speed",)}), ("MlpPolicy", {"size": 8})],
)
def test_images_that_are_seen_as_such_or_too_small_for_that_need_no_word(policy: str, changes: dict[str, Any]) -> None:
    assert notes(policy, **changes) == []


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ("nothing", "its actions are Box of shape (0,), which leaves nothing to decide; give them at least one number"),
        (
            "a table",
            "its actions are MultiDiscrete of shape (2, 2), and Stable-Baselines3 acts in rows only; turn them",
        ),
        (
            "without an end",
            "its actions are Box of shape (2,) without an end, and Stable-Baselines3 needs finite bounds",
        ),
        ("half open", "its actions are Box of shape (2,) without an end, and Stable-Baselines3 needs finite bounds"),
    ],
)
def test_actions_in_a_form_that_cannot_be_learned_are_refused(actions: str, said: str) -> None:
    env = {"id": "Acting-v0", "kwargs": {"actions": actions}}
    job = parse_job({"name": "job", "env": env, "algorithm": "PPO", "total_timesteps": 100})
    venv = make_training_envs(job)
    try:
        with pytest.raises(InputError) as caught:
            refuse_unsuitable(job, venv)
    finally:
        venv.close()
    assert str(caught.value).startswith(f"environment Acting-v0: {said}")
