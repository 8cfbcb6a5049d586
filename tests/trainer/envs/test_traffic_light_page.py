"""What docs/traffic-light.md says is what the code does."""

from __future__ import annotations

import dataclasses
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from job.model import Job, parse_job
from trainer.envs.traffic_light import network
from trainer.envs.traffic_light.controllers import WebsterPlan
from trainer.envs.traffic_light.scenario import Scenario

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "traffic-light.md").read_text(encoding="utf-8")


@pytest.fixture
def job() -> Job:
    match = re.search(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert match
    return parse_job({**yaml.safe_load(match[1]), "name": "traffic_light_control", "total_timesteps": 50_000})


def test_the_job_has_rollouts_of_100_timesteps_and_is_what_the_benchmark_trains(job: Job) -> None:
    bench: dict[str, Any] = runpy.run_path(str(ROOT / "bench" / "traffic_light.py"))
    assert job.rollout_timesteps == 100
    assert job.env.n_envs == bench["N_ENVS"]
    assert job.hyperparameters == bench["HYPERPARAMETERS"]
    assert job.env.wrapper_kwargs.gamma == job.hyperparameters["gamma"]
    assert not job.env.wrapper_kwargs.norm_obs


def test_the_arguments_and_their_defaults_are_listed() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, flags=re.MULTILINE))
    defaults = Scenario()
    assert list(rows) == [field.name for field in dataclasses.fields(Scenario)]
    demand = ", ".join(f"{approach} {value:g}" for approach, value in defaults.demand.items())
    assert rows.pop("demand") == demand
    assert rows == {name: str(getattr(defaults, name)) for name in rows}


def test_the_fundamental_diagram_is_the_pages() -> None:
    assert f"{network.CAPACITY:g}" == "0.5"
    for value in (
        f"{network.SECONDS_PER_STEP} s, {network.CELL_LENGTH:g} m",
        f"{network.FREE_FLOW_SPEED:g} m/s, {network.WAVE_SPEED:g} m/s",
        f"{network.CELLS} cells ({network.CELLS * network.CELL_LENGTH:g} m)",
        f"{network.CAPACITY:g} vehicles/s",
        f"Webster {WebsterPlan(Scenario()).decisions}",
    ):
        assert value in PAGE
