"""What docs/environments.md shows works, and its figures are the code's."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import yaml

from job.model import parse_job
from tests.trainer.conftest import job_values
from trainer.environments import self_check
from trainer.environments.self_check import Resumption, check_environments
from trainer.environments.state import recorded_actions
from trainer.envs.sumo import PRECISION, SumoIntersection

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def code(language: str, having: str) -> str:
    (block,) = (each for each in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if having in each)
    return str(block)


def test_the_example_of_the_protocol_passes_the_check() -> None:
    names: dict[str, Any] = {"open_simulator": lambda: (step for step in range(3))}
    exec(code("python", "def get_state"), names)  # noqa: S102 - the page's own example
    gym.register("Drift-v0", names["Drift"])
    job = parse_job(job_values(env={"id": "Drift-v0"}))
    assert check_environments(job) == Resumption("state", ())
    del names["Drift"].get_state
    assert "generator" in check_environments(job).reasons[0]  # what stands for the simulator does not pickle


def test_the_example_of_a_job_is_one() -> None:
    jobs = yaml.safe_load(code("yaml", "sumo"))["jobs"]
    for name, values in jobs.items():
        quick = values.pop("quick")
        job = parse_job({"name": name, **values})
        assert quick["total_timesteps"] == job.rollout_timesteps
        assert job.env.kwargs.keys() <= inspect.signature(SumoIntersection).parameters.keys()


@pytest.mark.parametrize("name", inspect.signature(SumoIntersection).parameters)
def test_every_argument_of_the_intersection_is_told(name: str) -> None:
    default = inspect.signature(SumoIntersection).parameters[name].default
    shown = f'"{default}"' if isinstance(default, str) else default
    assert f"| `{name}` | `{shown}` |" in PAGE


@pytest.mark.parametrize(
    "told",
    [
        f"{self_check.STEPS_BEFORE} steps and on into the middle of an episode",
        f"until an episode ends, but {self_check.STEPS_TO_AN_END} steps at most",
        f"taken again; {self_check.STEPS_AFTER_A_RESET} steps more",
        f"everything is {self_check.EFFORT['actions']} times as long",
        f"takes over {self_check.PATIENCE:.0f} second is cut short",
        f"At most {recorded_actions.MAX_ACTIONS:,} actions or {recorded_actions.MAX_BYTES >> 20} MiB of them",
        f"`--save-state.precision {PRECISION}`",
    ],
)
def test_figures_are_the_codes(told: str) -> None:
    assert told in WORDS
