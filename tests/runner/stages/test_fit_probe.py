"""What a job's model would be, asked of the real trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from runner.sources import OWN_FOLDERS
from runner.stages.fit_probe import probe_model
from tests.runner.conftest import asked, job_json

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
import gymnasium as gym

gym.register("Own-v0", lambda: gym.make("CartPole-v1"))
"""


def test_a_probe_gives_spaces_and_shapes_of_a_job_with_sources_of_its_own(tmp_path: Path) -> None:
    package = tmp_path / "my_own_package"
    package.mkdir()
    (package / "__init__.py").write_text(OWN, encoding="utf-8")
    job = job_json(env={"id": "my_own_package:Own-v0", "n_envs": 1}, sources=["my_own_package"])
    described = probe_model(job, asked(), [*OWN_FOLDERS, package])
    assert described.keys() == {"observation_space", "action_space", "parameters"}
    assert described["observation_space"]["shape"] == [4]
    assert described["action_space"]["text"] == "Discrete(2)"
    assert described["parameters"]["mlp_extractor.policy_net.0.weight"] == [8, 4]


def test_a_job_whose_environment_cannot_be_made_is_one_sentence() -> None:
    with pytest.raises(InputError) as caught:
        probe_model(job_json(env={"id": "NoSuchEnvironment-v0"}), asked(), OWN_FOLDERS)
    assert caught.value.subject == "job cart"
    assert "NoSuchEnvironment" in str(caught.value)
    assert "\n" not in str(caught.value)
