"""Every way to hang in every place where sessions run: ended in time, little lost, and gone on from exactly.

The quick suite has one row of it; `--long` runs all, and prints what came of each.
"""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Execution
from contract.errors import RelayError
from contract.storage import files
from runner.planning.endings import Ending, ending_from
from tests.emulated import emulated
from tests.engine import Containers, engine_itself, small_container
from trainer.stopping.activity import GRACE_SECONDS
from trainer.stopping.watchdog import HUNG_CODE, LAST_RESORT_SECONDS, SPEAKING_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle
    from tests.project import Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform == "win32", reason="it is the C library's sleep that some hang in"),
]

PLACES = ("local", "docker", "kaggle, local", "kaggle, docker")
ROLLOUT, SAVE_FREQUENCY, GOAL = 32, 64, 1024
LIMIT_SECONDS = 240
MARGIN_SECONDS = GRACE_SECONDS + LAST_RESORT_SECONDS + SPEAKING_SECONDS
"""Beyond the limit, at the very latest: before whoever kills from outside."""

ENVIRONMENT = """
import ctypes, os, sys, threading, time
from pathlib import Path

import gymnasium as gym
import numpy as np

FOREVER, HANGS_AFTER = 100_000, 400
INPUT = Path(os.environ.get("RELAY_INPUT", "/kaggle/input"))
IS_SESSION = INPUT.is_dir() and "--try" not in sys.argv
IS_FIRST = IS_SESSION and not [*INPUT.rglob("parent_checkpoint.bundle"), *INPUT.rglob("*_steps.zip")]


class Walk(gym.Env):
    steps, made = 0, 0
    observation_space = gym.spaces.Box(-1e3, 1e3, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, way=""):
        self.where, _, self.how = way.partition(" ")
        Walk.made += 1
        if self.where == "once" and Walk.made > 1:
            raise RuntimeError("there is one already")
        if self.where == "construction" and IS_FIRST:
            self.block()
        if self.where == "thread":
            threading.Thread(target=time.sleep, args=(FOREVER,), daemon=not IS_SESSION).start()

    def block(self):
        if "TEST_IMPATIENT" in os.environ:
            from trainer.stopping import activity
            from trainer.stopping import watchdog
            bound, activity.ALIVE_SECONDS = watchdog.seconds_left, 0.0
            watchdog.seconds_left = lambda look, limit, patience: bound(look, limit, 0.5)
        while True:
            if self.how == "native":
                ctypes.CDLL(None).sleep(FOREVER)
            if self.how == "lock":
                time.sleep(2.0)
                ctypes.PyDLL(None).sleep(FOREVER)
            time.sleep(FOREVER)

    def block_in(self, call):
        where = "step" if self.where == "once" else self.where
        if IS_FIRST and where == call and Walk.steps >= HANGS_AFTER:
            self.block()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.block_in("reset")
        self.place = self.np_random.normal(size=2).astype(np.float32)
        return self.place.copy(), {}

    def step(self, action):
        Walk.steps += 1
        self.block_in("step")
        self.place += np.float32(action - 0.5)
        return self.place.copy(), float(self.place[0]), bool(self.np_random.random() < 0.1), False, {}

    def close(self):
        self.block_in("close")


gym.register("Walk-v0", entry_point=Walk)
"""


@dataclass(frozen=True)
class Way:
    """A way to hang.

    Args:
        way: what the environment is told.
        reason: what the session says, or None where it says nothing: native code keeps Python's lock, or it is done.
        code: of its process.
        job: what is changed in its job.
        like: the job that nothing happens to and that must come to the same; None where it starts anew.
    """

    way: str
    reason: str | None = None
    code: int = HUNG_CODE
    job: tuple[tuple[str, Any], ...] = ()
    like: str | None = "undisturbed"

    @property
    def where(self) -> str:
        """Which call hangs."""
        return self.way.partition(" ")[0]

    @property
    def finishes(self) -> bool:
        """Whether the session reaches its goal all the same."""
        return self.code == 0


def _env(way: str, **changes: Any) -> dict[str, Any]:
    return {"id": "lab:Walk-v0", "kwargs": {"way": way}, "n_envs": 2, "vectorization": "dummy", **changes}


IN_WORKERS = (("env", _env("step asleep", vectorization="subproc")),)
ONCE = (("env", _env("once asleep", n_envs=1)),)
WAYS = {
    "step": Way("step asleep", "hung in step"),
    "native": Way("step native", "hung in step"),
    "lock": Way("step lock", code=1),
    "reset": Way("reset asleep", "hung in reset"),
    "construction": Way("construction asleep", "hung in construction", like=None),
    "worker": Way("step asleep", "hung in step", job=IN_WORKERS, like="undisturbed-workers"),
    "once": Way("once asleep", "hung in step", job=ONCE, like=None),
    "close": Way("close asleep", code=0),
    "thread": Way("thread", code=0),
}
UNDISTURBED = {
    "undisturbed": {"env": _env("")},
    "undisturbed-workers": {"env": _env("", vectorization="subproc")},
}


def job(**changes: Any) -> dict[str, Any]:
    values = {
        "sources": ["lab"],
        "algorithm": "PPO",
        "hyperparameters": {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}},
        "total_timesteps": GOAL,
        "save_freq": SAVE_FREQUENCY,
        "eval": {"frequency": 0},
        "seed": 5,
        "device": "cpu",
        "patience": 60,
        "session_limit": LIMIT_SECONDS,
    }
    return values | changes


@pytest.fixture
def backend(
    request: pytest.FixtureRequest, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The backend of a place, by its name in a command."""
    name, _, executor = request.param.partition(", ")
    if not executor:
        yield name
        if name == "docker":
            with engine_itself() as engine:
                Containers(engine, project.runs.backend("docker")).remove()
        return
    with emulated(tmp_path / "kaggle", executor=executor, cpu_slots=20) as server:
        _point_at(server, monkeypatch)
        yield name
    if executor == "docker":
        with engine_itself() as engine:
            Containers(engine, server.running.settings.data / "sandboxes").remove()


def _point_at(server: EmulatedKaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    server.reached_by_commands(monkeypatch, poll=0.5, patience=60)


@dataclass(frozen=True)
class Found:
    """What came of a first session that hung."""

    lost: int
    seconds: float
    execution: Execution
    ending: Ending | None
    reason: str | None

    @classmethod
    def of(cls, project: Project, name: str) -> Found:
        """Of the first session of a job."""
        session = project.runs.session(name, 1)
        execution, restored = Execution.read(session.execution_json), project.restored(name, 1)
        metadata = files.read_json(session.artifacts / "training_metadata.json")
        began = dt.datetime.fromisoformat(metadata["started_at"]).timestamp()
        kept = restored.checkpoint.timesteps if restored.checkpoint else 0
        # It hung in the rollout after that boundary, or while that boundary's save was due.
        lost = metadata["timesteps"] - kept + (0 if metadata["goal_met"] else ROLLOUT)
        seconds = session.execution_json.stat().st_mtime - began
        return cls(lost, seconds, execution, ending_from(execution, restored.outcome), metadata["interrupted_by"])


def assert_as_it_should_be(project: Project, name: str, way: Way) -> str:
    """Look at what came of a way to hang, and of the session after it; give its row of the table."""
    found = Found.of(project, name)
    assert found.execution.exit_code in (way.code, None), found  # Kaggle tells no code
    assert found.reason == way.reason, found
    assert found.lost <= SAVE_FREQUENCY
    assert found.seconds < LIMIT_SECONDS + MARGIN_SECONDS
    assert project.sessions(name)[-1].number == ("0001" if way.finishes else "0002")
    last = project.restored(name, 1 if way.finishes else 2).checkpoint
    verdict = "begins again"
    if way.where != "construction":
        assert last is not None
        assert last.timesteps == GOAL
        verdict = f"{last.timesteps}, {'exact' if last.resume.exact else 'approximate'}"
    if way.like is not None:
        assert last is not None
        assert last.resume.exact
        assert project.digest(name, 1 if way.finishes else 2) == project.digest(way.like, 1)
    state = f"{found.execution.state.name} {found.execution.exit_code}, {found.ending or 'finished'}"
    return f"| {name} | {found.lost} | {found.seconds:.0f} s | {state} | {verdict} |"


def write_jobs(project: Project, names: list[str], **changes: Any) -> None:
    """The jobs of these ways, and those that nothing happens to and that they are compared with."""
    (project.root / "lab").mkdir()
    (project.root / "lab" / "__init__.py").write_text(ENVIRONMENT, encoding="utf-8")
    ways = {name: {"env": _env(WAYS[name].way), **dict(WAYS[name].job)} for name in names}
    likes = {WAYS[name].like for name in names}
    jobs = {**ways, **{name: each for name, each in UNDISTURBED.items() if name in likes}}
    project.write_jobs(**{name: job(**each, **changes) for name, each in jobs.items()})


@pytest.mark.long("takes minutes: --long runs it")
@pytest.mark.parametrize("backend", PLACES, indirect=True)
def test_every_way_to_hang(
    project: Project, backend: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    place = request.node.callspec.params["backend"]
    in_containers = {"docker": small_container()} if backend == "docker" else {}
    write_jobs(project, list(WAYS), **in_containers)
    said = [project.start("-n", "4", "run_full", f"backend={backend}").communicate()[0] for _ in range(2)]
    rows, wrong = [], []
    for name, way in WAYS.items():
        try:
            rows.append(assert_as_it_should_be(project, name, way))
        except (AssertionError, OSError, TypeError, RelayError) as error:
            wrong.append(f"{place}, {name}: {type(error).__name__}: {error}")
    with capsys.disabled():
        sys.stdout.write("\n".join(["", f"{place}: lost, ended after, how it counts, next", *rows, *wrong, ""]))
    assert not wrong, "\n".join(each[-6000:] for each in said)


def test_a_session_that_hangs_in_native_code_ends_by_itself_and_keeps_its_checkpoints(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_IMPATIENT", "once it is blocked: nothing depends on how busy the machine is")
    write_jobs(project, ["native"])
    said = project.doit("run_full:native", expect=1)
    found = Found.of(project, "native")
    assert "environment lab:Walk-v0: its step has not come back in a rollout for " in said
    assert (found.reason, found.execution.exit_code, found.ending) == ("hung in step", HUNG_CODE, Ending.HUNG)
    assert found.lost <= SAVE_FREQUENCY
    assert project.adopted("native", 1).timesteps >= SAVE_FREQUENCY
