"""Jobs tried in a process of their own, from the sources that a session would carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import InputError, UnavailableError
from runner.preflight.trial import try_job
from runner.sources import OWN_FOLDERS, SourceReader
from tests.runner.conftest import job_json

if TYPE_CHECKING:
    from pathlib import Path

    from contract.documents.trial import Tried

OWN = """
import gymnasium as gym

print("@relay tried {}")
gym.register("Own-v0", lambda: gym.make("CartPole-v1"))
"""
HANGS = """
import threading
import gymnasium as gym


class Still(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        threading.Event().wait()


gym.register("Still-v0", Still)
"""
DIES = """
import os
import gymnasium as gym

gym.register("Dies-v0", lambda: os._exit(7))
"""


def tried(tmp_path: Path, env: dict[str, Any], text: str, seconds: float = 120.0) -> Tried:
    """The trial of a job whose environment is in a package of its own."""
    package = tmp_path / "my_own_package"
    package.mkdir()
    (package / "__init__.py").write_text(text, encoding="utf-8")
    sources = SourceReader(tmp_path / "cache.json").read((*OWN_FOLDERS, package))
    return try_job(job_json(env=env, sources=["my_own_package"]), "full", sources.bundle(), seconds)


def test_a_trial_finds_what_checkpoints_of_the_job_would_state_and_what_it_takes(tmp_path: Path) -> None:
    found = tried(tmp_path, {"id": "my_own_package:Own-v0", "n_envs": 1}, OWN)
    assert found.observation_space["shape"] == [4]
    assert found.action_space["text"] == "Discrete(2)"
    assert found.parameters["mlp_extractor.policy_net.0.weight"] == (8, 4)
    assert found.memory.rollout > 32 * (4 + 1 + 1) * 4
    assert found.notes == ()


WRITES = """
import os
import tempfile
import gymnasium as gym


def make():
    working = os.environ["RELAY_WORKING"]
    assert os.path.samefile(working, ".") and os.listdir("../input"), working
    assert os.environ["KAGGLE_KERNEL_RUN_TYPE"] == "Batch"
    for folder in working, tempfile.gettempdir():
        open(os.path.join(folder, "left.txt"), "w").close()
    return gym.make("CartPole-v1")


gym.register("Writes-v0", make)
"""


def test_an_environment_finds_the_folders_and_variables_that_it_has_in_a_session(tmp_path: Path) -> None:
    assert tried(tmp_path, {"id": "my_own_package:Writes-v0", "n_envs": 1}, WRITES).notes == ()


def test_a_module_that_is_nowhere_may_be_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        tried(tmp_path, {"id": "my_own_pakage:Own-v0"}, OWN)
    assert str(caught.value).startswith(
        "environment my_own_pakage:Own-v0: is not known: there is no module my_own_pakage"
    )
    assert str(caught.value).endswith("; did you mean my_own_package?")


def test_what_hangs_is_ended_and_named(tmp_path: Path) -> None:
    for seconds in (2, 12, 60):  # a busy machine takes longer to come as far as that
        (tmp_path / str(seconds)).mkdir()
        with pytest.raises(InputError) as caught:
            tried(tmp_path / str(seconds), {"id": "my_own_package:Still-v0"}, HANGS, seconds=seconds)
        if "its reset()" in str(caught.value):
            break
    assert f"its reset() had not ended {seconds} s after the trial of the job began" in str(caught.value)


def test_what_ends_the_process_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"its constructor ended its process \(exit code 7\)"):
        tried(tmp_path, {"id": "my_own_package:Dies-v0"}, DIES)
