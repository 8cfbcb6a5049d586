"""The shipped job relayed over Kaggle in three sessions: whatever is killed, one push each, and the same bits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from contract.storage import files
from emulator.settings import STRICT
from emulator.store.values import KernelState
from runner.curve.stitching import stitched
from tests.emulated import KEY, PATIENCE_SECONDS, USER, EmulatedKaggle, emulated
from tests.project import ROOT, Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = "traffic_light_control"
KERNEL = "relay-traffic-light-control"
ROLLOUT = 100
GOAL = 3 * ROLLOUT
MOMENTS = tuple(f"{stage:<8}  {JOB}:{{}}" for stage in ("package", "execute", "download", "validate", "restore"))
TRAINING = f"{JOB} {{}}  training"
EVERY_MOMENT = (*MOMENTS[:2], TRAINING, *MOMENTS[2:])
PACKAGE, EXECUTE, DOWNLOAD, VALIDATE, RESTORE = MOMENTS
SPREAD = (
    ((PACKAGE, 1), (TRAINING, 0), (DOWNLOAD, 1)),
    ((EXECUTE, 1), (VALIDATE, 2)),
    ((EXECUTE, 2), (RESTORE, 2)),
)
"""Of each session, at which moments doit is killed, and about to make which change of a file after that (0: none, but
at the moment). Each moment is there, the stage that spends quota twice, and kills before the first change and after."""


def shipped_job(**changes: Any) -> dict[str, Any]:
    """The job of jobs.yaml with a goal of three rollouts."""
    job: dict[str, Any] = yaml.safe_load((ROOT / "jobs.yaml").read_text(encoding="utf-8"))["jobs"][JOB]
    return job | {"total_timesteps": GOAL, "eval": {"frequency": 200, "episodes": 1}} | changes


STRICT_WITHOUT_LONG_WAITS = {**STRICT, "listing_delay_seconds": 0.3, "queue_stall_seconds": 0.3}


@pytest.fixture
def rules() -> dict[str, Any]:
    """What is not known for sure of Kaggle, as it most likely is unless a test says otherwise."""
    return {}


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: dict[str, Any]) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach, asked often."""
    with emulated(tmp_path / "kaggle", **rules) as server:
        server.reached_by_commands(monkeypatch, poll=0.1, patience=120)
        yield server


def uninterrupted(root: Path) -> str:
    """The tensors at the goal of one local session that nobody cut off."""
    local = Project(root)
    local.write_jobs(**{JOB: shipped_job()})
    local.doit("run_full")
    return local.digest(JOB, 1)


def pushes(kaggle: EmulatedKaggle) -> tuple[int, int]:
    """How many sessions the job's kernel has, and how often a push came, but for the one that made the kernel."""
    kernels = kaggle.running.emulator.kernels
    kernel = kernels.find(USER, KERNEL)
    versions = kernels.list_versions(kernel.id) if kernel else []
    made = sum(version.state is KernelState.NEW_SCRIPT for version in versions)
    calls: dict[str, int] = kaggle.running.faults.as_json()["calls"]
    return len(versions) - made, calls.get("kernels.KernelsApiService/SaveKernel", 0) - made


def revealing(root: Path) -> list[str]:
    """The files below `root` that tell whose account it was."""
    secrets = (USER.encode(), KEY.encode())
    found = [path for path in root.rglob("*") if path.is_file() and any(each in path.read_bytes() for each in secrets)]
    return [str(path) for path in found]


def at_every_moment(sessions: int) -> tuple[tuple[tuple[str, int], ...], ...]:
    """As `SPREAD`, but each moment of each session: in the first where it begins, in the others after more changes."""
    return tuple(
        tuple((moment, 0 if moment == TRAINING else operations) for moment in EVERY_MOMENT)
        for operations in range(sessions)
    )


def relay_with_kills(
    project: Project, kills: tuple[tuple[tuple[str, int], ...], ...], *, forgets: bool = False, **changes: Any
) -> str:
    """Relay the job through Kaggle, a session for each of `kills`.

    Args:
        project: where.
        kills: of each session, as in `SPREAD`.
        forgets: whether a kill during training takes along that the session was ever pushed.
        changes: of the job.

    Returns:
        What all of its commands said.
    """
    # Each session may start, and then has no time left but for one rollout.
    goal = ROLLOUT * len(kills)
    project.write_jobs(**{JOB: shipped_job(backend="kaggle", session_limit=1, total_timesteps=goal, **changes)})
    said: list[str] = []
    for number, moments in enumerate(kills, start=1):
        for moment, operations in moments:
            said.append(project.kill_at(moment.format(f"{number:04d}"), "run_full", operations=operations))
            if moment == TRAINING and forgets:
                forget_the_push(project, number)
        said.append(project.doit("run_full"))
        assert project.adopted(JOB, number).timesteps == ROLLOUT * number
    assert f"nothing to do: {goal} of {goal} timesteps" in project.doit("run_full")
    assert all(project.adopted(JOB, number).resume.exact for number in range(1, len(kills) + 1))
    return "".join(said)


def forget_the_push(project: Project, number: int) -> None:
    """As if the kill had come between the push and the note that it was made."""
    ledger = project.runs.session(JOB, number).ledger_json
    noted = files.read_json(ledger) | {"entry": "SUBMITTING", "handle": None}
    files.write_json(ledger, noted)


def assert_is_one_run(project: Project, kaggle: EmulatedKaggle, local: Path, said: str) -> None:
    """Three sessions of one push each are what one would have been that nobody cut off, and tell nobody whose they are.

    Args:
        project: where they were.
        kaggle: and where they ran.
        local: a folder for that one.
        said: what their commands said.
    """
    assert project.digest(JOB, 3) == uninterrupted(local)
    assert pushes(kaggle) == (3, 3)
    assert project.starts(JOB) == 3
    curve = stitched(project.runs, JOB)
    assert [(each.begins, each.ends) for each in curve.stretches] == [(0, 100), (100, 200), (200, 300)]
    assert {each.session for each in curve.series("time/fps")} == {1, 2, 3}
    assert curve.notes == ()
    assert revealing(project.root) == []
    assert USER not in said
    assert KEY not in said


@pytest.mark.slow
def test_three_sessions_and_doit_killed_at_every_stage(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path
) -> None:
    said = relay_with_kills(project, SPREAD, forgets=True, kaggle={"accelerator": "NvidiaTeslaT4"})
    assert "adopting session 0001" in said
    assert_is_one_run(project, kaggle, tmp_path / "local", said)


@pytest.mark.long(
    "the test before has every stage killed once and each of three sessions, and no stage knows its number"
)
@pytest.mark.slow
@pytest.mark.parametrize("rules", [{}, STRICT_WITHOUT_LONG_WAITS], ids=["likely", "strict"])
def test_three_sessions_and_doit_killed_at_every_stage_of_each(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path, rules: dict[str, Any]
) -> None:
    # An account that is given no GPU asks for none.
    accelerator = "none" if rules else "NvidiaTeslaT4"
    said = relay_with_kills(project, at_every_moment(3), kaggle={"accelerator": accelerator})
    assert_is_one_run(project, kaggle, tmp_path / "local", said)


WIDE = """
import gymnasium as gym
import numpy as np


class Wide(gym.Env):
    action_space = gym.spaces.Discrete(2)
    observation_space = gym.spaces.Box(0.0, 1.0, (100,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.random(100, np.float32), {}

    def step(self, action):
        self.steps += 1
        return self.np_random.random(100, np.float32), float(action), False, self.steps == 100, {}


gym.register("Wide-v0", entry_point=Wide)
"""


def filling(goal: int, room: int | None = None, **changes: Any) -> dict[str, Any]:
    """A job of wide rows, whose course does not depend on its goal: all actions are random, and it learns all the same.

    Args:
        goal: its timesteps.
        room: rows of its buffer, as many as that unless it is to grow.
        changes: of the job.
    """
    buffer = {"buffer_size": room or goal, "learning_starts": 0, "train_freq": 1000, "gradient_steps": 2}
    exploration = {"exploration_initial_eps": 1.0, "exploration_final_eps": 1.0}
    return {
        "env": {"id": "lab:Wide-v0", "n_envs": 1},
        "algorithm": "DQN",
        "hyperparameters": {**buffer, **exploration, "policy_kwargs": {"net_arch": [8]}},
        "total_timesteps": goal,
        "save_freq": goal,
        "sources": ["lab"],
        "device": "cpu",
        **changes,
    }


@pytest.mark.long("without --long smaller buffers do, whose sessions train nothing")
@pytest.mark.slow
@pytest.mark.parametrize("rules", [{}, STRICT_WITHOUT_LONG_WAITS], ids=["likely", "strict"])
def test_three_sessions_send_each_row_of_a_replay_buffer_once(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path
) -> None:
    rows = 12_000
    local = Project(tmp_path / "local")
    for each in (project, local):
        (each.root / "lab").mkdir()
        (each.root / "lab" / "__init__.py").write_text(WIDE, encoding="utf-8")
    local.write_jobs(**{JOB: filling(3 * rows)})
    local.doit("run_full")
    for number in (1, 2, 3):
        job = filling(rows * number, room=3 * rows, backend="kaggle", kaggle={"accelerator": "none"})
        project.write_jobs(**{JOB: job})
        for operations in (1, 2, 4) if number > 1 else ():
            project.kill_at(MOMENTS[1].format(f"{number:04d}"), "run_full", operations=operations)
        project.doit("run_full")
        assert project.adopted(JOB, number).timesteps == rows * number
    assert project.digest(JOB, 3) == local.digest(JOB, 1)
    assert pushes(kaggle) == (3, 3)
    emulator = kaggle.running.emulator
    sent = {each.slug: emulator.datasets.list_versions(each.id) for each in emulator.datasets.all()}
    stores = {slug: versions for slug, versions in sent.items() if "-replay-" in slug}
    assert [len(versions) for versions in stores.values()] == [1, 1], "one for the second session, one for the third"
    held = sum(version.total_bytes for versions in stores.values() for version in versions)
    segments = project.runs.session(JOB, 3).payload / "replay"
    assert held <= 1.05 * sum(path.stat().st_size for path in segments.iterdir())
    beside = max(version.total_bytes for slug, versions in sent.items() if slug not in stores for version in versions)
    assert beside < 1 << 20, "what goes with each session has none of it"


def test_what_is_listed_long_after_a_cancel_is_collected(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with emulated(tmp_path / "kaggle", listing_delay_seconds=3600.0) as late:
        late.reached_by_commands(monkeypatch, poll=0.1, patience=1)
        job = cart_pole(total_timesteps=10**7, backend="kaggle", max_sessions=1)
        project.write_jobs(cart=job)
        doit = project.start("run_full")
        working = tmp_path / "kaggle" / "data" / "sandboxes"
        deadline = time.monotonic() + PATIENCE_SECONDS
        # Not in what the emulator is still laying out, which takes another name at any moment.
        checkpoints = "emulator-*[0-9]/kaggle/working/**/cart_checkpoint_*_steps.zip"
        while not any(int(path.name.split("_")[2]) >= 128 for path in working.glob(checkpoints)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        emulator = late.running.emulator
        kernel = emulator.kernels.find(USER, "relay-cart")
        assert kernel is not None
        session = emulator.kernels.list_versions(kernel.id)[0]
        emulator.kernels.move(session.id, KernelState.CANCEL_REQUESTED)
        emulator.on_change()
        said, _ = doit.communicate(timeout=240)
        assert "session 0001 left no manifest on Kaggle" in said
        assert project.restored("cart", 1).checkpoint is None
        assert "nothing has come of session 0001 yet" in project.doit("collect")
        late.let_time_pass(3600)
        assert "session 0001 has left something after all" in project.doit("collect:cart")
        project.doit("run_full", expect=1)
        assert project.adopted("cart", 1).timesteps >= 128
        assert "all that its newest session left is here" in project.doit("collect")


def test_a_user_without_credentials_is_told_what_to_set(
    project: Project, kaggle: EmulatedKaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_jobs(**{JOB: shipped_job(total_timesteps=100)})
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.delenv("KAGGLE_USERNAME")
    for command in ("run_full", "doctor"):
        output = project.doit(command, "backend=kaggle", expect=1)
        assert "Kaggle's credentials: there are none; make a token on" in output
        assert "Traceback" not in output
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    examined = project.doit("doctor", "backend=kaggle")
    assert "ok     Kaggle: answers, and accepts the credentials" in examined
    assert "of 30h00m of GPU quota left" in examined
    assert pushes(kaggle) == (0, 0)
    output = project.doit("cancel", "backend=kaggle")
    assert "no session is running" in output
