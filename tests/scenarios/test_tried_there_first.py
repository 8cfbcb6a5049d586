"""A job that this machine cannot try, as it lacks what Kaggle has: the session tries it before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.storage import files
from emulator.store.values import KernelState
from tests.emulated import USER, EmulatedKaggle, emulated
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONLY_IN_SESSIONS = """
import os
import gymnasium as gym

if "RELAY_STOP_FILE" not in os.environ:
    raise ImportError("there is no simulator here")


class Window(gym.Wrapper):
    render_mode = "human"


gym.register("Window-v0", lambda: Window(gym.make("CartPole-v1")))
"""


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach, asked often."""
    with emulated(tmp_path / "kaggle") as server:
        server.reached_by_commands(monkeypatch, poll=0.1)
        yield server


def test_what_cannot_be_tried_here_is_tried_first_in_the_session_on_kaggle(
    project: Project, kaggle: EmulatedKaggle
) -> None:
    (project.root / "lab").mkdir()
    (project.root / "lab" / "__init__.py").write_text(ONLY_IN_SESSIONS, encoding="utf-8")
    project.write_jobs(window=cart_pole(env={"id": "lab:Window-v0"}, sources=["lab"], backend="kaggle"))
    output = project.doit("resume", expect=2)
    untried = "this machine, which may lack what the kaggle backend has, and is tried there first: environment lab:"
    assert output.count(f"it could not be tried on {untried}") == 1
    sentence = "environment lab:Window-v0: opens a window for each session and waits for it at each step"
    assert f"window: session 0001 reached 0 of 256 timesteps and ended: {sentence}" in output
    assert "another session would end as this one did: correct it, then run `doit resume:window`" in output
    (tried,) = project.sessions("window")
    metadata = files.read_json(tried.artifacts / "training_metadata.json")
    assert (metadata["interrupted_by"], metadata["timesteps"]) == ("InputError", 0)
    kernels = kaggle.running.emulator.kernels
    kernel = kernels.find(USER, "relay-window")
    assert kernel is not None
    # The version that made the kernel was only saved.
    states = [version.state for version in kernels.list_versions(kernel.id)]
    assert states == [KernelState.ERROR, KernelState.NEW_SCRIPT]
