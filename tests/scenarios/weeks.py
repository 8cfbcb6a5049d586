"""A job that takes many short sessions on Kaggle, and what holds of them whoever ran them, and how often."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

from emulator.store.values import KernelState
from tests.emulated import USER, EmulatedKaggle, emulated
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

UNDER_WAY = 75
KERNEL = "relay-cart"
NO_WAIT = ("resume", "wait=no")
ROLLOUT = 64
DOCUMENTS = ("request", "package", "ledger", "execution", "manifest", "report", "restored")


def job(**changes: Any) -> dict[str, Any]:
    """A job each of whose sessions has no time left but for one rollout, and that leaves it open whether on a GPU."""
    return cart_pole(backend="kaggle", session_limit=1, **changes)


@contextlib.contextmanager
def reached(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach, asked often."""
    with emulated(folder) as server:
        server.reached_by_commands(monkeypatch, poll=0.1, patience=120)
        yield server


def uninterrupted(root: Path, goal: int) -> str:
    """The tensors at the goal of one local session that nobody cut off, and that outlived the command that began it."""
    local = Project(root)
    local.write_jobs(cart=cart_pole(total_timesteps=goal))
    said = local.doit(*NO_WAIT, expect=UNDER_WAY)
    assert "cart: session 0001: goes on on the local backend; the same command later goes on" in said
    assert f"session 0001 reached {goal:,} of {goal:,} timesteps: goal met" in local.doit("resume")
    assert local.starts("cart") == 1
    return local.digest("cart", 1)


def check_one_lineage(project: Project, kaggle: EmulatedKaggle, goal: int) -> None:
    """Each session was pushed once and trained once, and went on from the one before it."""
    sessions = goal // ROLLOUT
    kernels = kaggle.running.emulator.kernels
    kernel = kernels.find(USER, KERNEL)
    assert kernel is not None
    versions = kernels.list_versions(kernel.id)
    assert sum(version.state is not KernelState.NEW_SCRIPT for version in versions) == sessions
    assert kaggle.running.faults.as_json()["calls"]["kernels.KernelsApiService/SaveKernel"] == sessions + 1
    assert kaggle.running.emulator.gpu_time.used(USER, kaggle.running.emulator.clock.now()) == 0
    assert [folder.number for folder in project.sessions("cart")] == [f"{n + 1:04d}" for n in range(sessions)]
    reached = [project.adopted("cart", number) for number in range(1, sessions + 1)]
    assert [each.timesteps for each in reached] == [*range(ROLLOUT, goal + 1, ROLLOUT)]
    assert all(each.resume.exact for each in reached)
    assert project.starts("cart") == sessions


def whole_sessions(project: Project) -> dict[str, bytes]:
    """The documents of each session that was restored, by their places."""
    return {
        f"{folder.number}/{name}": (folder.path / f"{name}.json").read_bytes()
        for folder in project.sessions("cart")
        if folder.restored_json.exists()
        for name in DOCUMENTS
    }


def lose_everything(project: Project, kaggle: EmulatedKaggle) -> str:
    """Remove `runs/`, and recover; return what was said."""
    before = whole_sessions(project)
    pushed = calls(kaggle)
    shutil.rmtree(project.runs.path)
    said = project.doit("recover")
    after = whole_sessions(project)
    assert {place: after.get(place) for place in before} == before
    assert calls(kaggle) == pushed
    return said


def calls(kaggle: EmulatedKaggle) -> dict[str, int]:
    """How often what changes anything was asked for."""
    every: dict[str, int] = kaggle.running.faults.as_json()["calls"]
    return {name: count for name, count in every.items() if "Save" in name or "Create" in name or "Delete" in name}
