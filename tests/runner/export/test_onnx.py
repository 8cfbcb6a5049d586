"""Policies as ONNX act as they do in torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecMonitor, VecNormalize

from contract.errors import UnavailableError
from job.algorithms.registry import ALGORITHMS
from runner.acting.order import ONNX_FILE, OnnxMade
from runner.acting.playing import Player
from runner.commands.showing.export import export
from runner.export import onnx_file
from runner.export.onnx_file import write_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from runner.acting.agent import Agent
    from runner.acting.playing import Moment
    from runner.workspace import Workspace

NUMBERS = spaces.Box(-2, 2, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
TORQUES = spaces.Box(np.array([-1, -3], np.float32), np.array([2, 3], np.float32))
FOUR, BITS, TWO_CHOICES = spaces.Discrete(4), spaces.MultiBinary(3), spaces.MultiDiscrete([3, 4])
SMALL = {"buffer_size": 10}


class Sampling(gym.Env[Any, Any]):
    """Gives observations drawn from its space, and allows actions at random.

    Args:
        observations, actions: its spaces.
    """

    def __init__(self, observations: spaces.Space[Any], actions: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = observations, actions
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        if seed is not None:
            self.observation_space.seed(seed)
        self._steps = 0
        return self.observation_space.sample(), {}

    def step(self, _action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._steps += 1
        return self.observation_space.sample(), 1.0, self._steps == 8, False, {}

    def action_masks(self) -> NDArray[np.bool_]:
        count = 2 * BITS.shape[0] if isinstance(self.action_space, spaces.MultiBinary) else 4
        allowed = self.np_random.random(count) > 0.4
        allowed[::2] = True
        return allowed


@dataclass(frozen=True)
class Case:
    """A policy that has learned nothing, and does many different things all the same."""

    algorithm: str
    observations: spaces.Space[Any]
    actions: spaces.Space[Any]
    policy: str = "MlpPolicy"
    kwargs: dict[str, Any] | None = None
    normalizes: bool = False
    stacks: bool = False
    varies: bool = True

    def agent(self) -> Agent:
        """The policy over an environment with its spaces."""
        venv: Any = VecMonitor(DummyVecEnv([lambda: Sampling(self.observations, self.actions)]))
        if self.normalizes:
            venv = VecNormalize(venv)
            venv.reset()
            for _ in range(20):
                venv.step(np.array([self.actions.sample()]))
            venv.training = venv.norm_reward = False
        if self.stacks:
            venv = VecFrameStack(venv, 2)
        model = ALGORITHMS[self.algorithm].load_class()(self.policy, venv, device="cpu", seed=1, **(self.kwargs or {}))
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for each in model.policy.parameters():  # some begin as zeros, or with one choice far before all others
                each.add_(torch.randn(each.shape, generator=generator) * 0.1)
        job = SimpleNamespace(algorithm=self.algorithm, seed=0)
        return cast("Agent", SimpleNamespace(job=job, model=model, venv=venv))


def played(agent: Agent, count: int = 20) -> list[Moment]:
    """What an agent sees and does, episode ends among it."""
    return [moment for moment, _ in zip(Player(agent).moments(), range(count), strict=False)]


CASES = {
    "MaskablePPO": Case("MaskablePPO", NUMBERS, FOUR),
    "masked bits": Case("MaskablePPO", NUMBERS, BITS),
    "PPO": Case("PPO", NUMBERS, FOUR, normalizes=True),
    "PPO, numbers": Case("PPO", NUMBERS, TORQUES),
    "PPO, squashed": Case(
        "PPO", NUMBERS, TORQUES, kwargs={"use_sde": True, "policy_kwargs": {"squash_output": True}}, normalizes=True
    ),
    "PPO, apart": Case("PPO", IMAGE, FOUR, "CnnPolicy", {"policy_kwargs": {"share_features_extractor": False}}),
    "PPO, a dictionary": Case(
        "PPO", spaces.Dict({"place": NUMBERS, "view": IMAGE, "mood": FOUR}), TWO_CHOICES, "MultiInputPolicy"
    ),
    "PPO, stacked": Case("PPO", NUMBERS, FOUR, normalizes=True, stacks=True),
    "A2C": Case("A2C", FOUR, BITS),
    "TRPO": Case("TRPO", TWO_CHOICES, FOUR),
    "RecurrentPPO": Case("RecurrentPPO", NUMBERS, FOUR, "MlpLstmPolicy", normalizes=True),
    "DQN": Case("DQN", NUMBERS, FOUR, kwargs=SMALL),
    "DQN, images": Case("DQN", IMAGE, FOUR, "CnnPolicy", SMALL, varies=False),
    "QRDQN": Case("QRDQN", NUMBERS, FOUR, kwargs=SMALL),
    "SAC": Case("SAC", NUMBERS, TORQUES, kwargs=SMALL, normalizes=True),
    "SAC, gSDE": Case("SAC", NUMBERS, TORQUES, kwargs={**SMALL, "use_sde": True}),
    "TD3": Case("TD3", NUMBERS, TORQUES, kwargs=SMALL),
    "DDPG": Case("DDPG", NUMBERS, TORQUES, kwargs=SMALL),
    "TQC": Case("TQC", NUMBERS, TORQUES, kwargs=SMALL),
    "CrossQ": Case("CrossQ", NUMBERS, TORQUES, kwargs=SMALL),
    "ARS": Case("ARS", NUMBERS, TORQUES),
    "ARS, choices": Case("ARS", NUMBERS, FOUR, "LinearPolicy"),
}


def test_each_algorithm_has_a_case() -> None:
    assert {case.algorithm for case in CASES.values()} == set(ALGORITHMS)


@pytest.mark.long("test_best_agent.py exports one policy, and here all algorithms and kinds of spaces are")
@pytest.mark.parametrize("name", CASES)
def test_a_policy_of_each_algorithm_acts_in_onnxruntime_as_in_torch(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    agent = case.agent()
    moments = played(agent)
    if case.varies:
        assert len({moment.actions.tobytes() for moment in moments}) > 1, "it would be easy to do the same everywhere"
    made = write_onnx(agent, moments, tmp_path)
    assert isinstance(made, OnnxMade), made
    assert (tmp_path / ONNX_FILE).exists()
    assert made.compared == len(moments)
    assert made.folds_normalization is (case.normalizes and not case.stacks)


def test_what_onnx_cannot_express_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_arguments: Any, **_options: Any) -> None:
        (tmp_path / ONNX_FILE).write_bytes(b"half")
        raise RuntimeError("no such\noperator")

    monkeypatch.setattr("torch.onnx.export", give_up)
    agent = CASES["PPO"].agent()
    said = write_onnx(agent, played(agent), tmp_path)
    assert said == "ONNX cannot express this policy (RuntimeError: no such operator)"
    assert list(tmp_path.iterdir()) == []


class Session:
    """Answers as onnxruntime does, with what was computed before."""

    def __init__(self, actions: list[NDArray[Any]]) -> None:
        self._actions = actions
        self._asked = 0

    def run(self, _names: list[str], _inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self._asked += 1
        return [np.concatenate(self._actions) if self._asked == 1 else self._actions[self._asked - 2]]


def test_what_acts_otherwise_than_torch_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = CASES["SAC, gSDE"].agent()
    moments = played(agent)
    monkeypatch.setattr(onnx_file, "_trace", lambda _policy, _example, path: path.write_bytes(b"traced"))
    actions = [moment.actions for moment in moments]
    actions[3] = actions[3] + 0.25
    monkeypatch.setattr(onnx_file, "_session", lambda _path: Session(actions))
    said = write_onnx(agent, moments, tmp_path)
    assert isinstance(said, str)
    assert re.fullmatch(r"as ONNX it acts otherwise on 1 of 20 observations, by up to 0\.\d+", said)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.commands.showing.export.NEEDED", ("onnx", "onnx_of_another_world"))
    with pytest.raises(UnavailableError) as caught:
        export(cast("Workspace", None), "cart")
    assert str(caught.value).startswith(
        "doit export: needs onnx_of_another_world, which is not installed here; run `pip"
    )
    assert 'pip install "kaggle-relay[export]"' in str(caught.value)
