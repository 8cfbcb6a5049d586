"""A run on a real Slurm cluster, cut off as clusters do, ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Execution
from contract.states import State
from tests.cluster import running_cluster
from tests.preloading import own_variables
from tests.project import KILLED, PATIENCE_SECONDS, Project, cart_pole
from tests.scenarios.slow_jobs import eventually, slow_cart, trains

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RUN = ("run_full", "backend=slurm")
GO_ON = ("resume", "backend=slurm", "wait=no")
UNDER_WAY = 75
GOAL = 512
SEEDS = (5, 6)
LONG = pytest.mark.long("the executor's tests have the same ends in small, with scripts that train nothing")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as there:
        yield there


@pytest.fixture(scope="module")
def whole(shared_project: Project) -> Project:
    """Both seeds, each trained on this machine at one go."""
    shared_project.write_jobs(**{f"cart{seed}": cart_pole(device="cpu", seed=seed) for seed in SEEDS})
    shared_project.doit("run_full")
    return shared_project


@pytest.fixture
def reached_by_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are processes of their own, and no forks of one elsewhere, which Slurm's signals would not reach."""
    for name in set(os.environ) - set(own_variables()):
        monkeypatch.delenv(name)


def on_slurm(**changes: Any) -> dict[str, Any]:
    slurm = {"partition": "main", "time": "10m", **changes.pop("slurm", {})}
    return cart_pole(**{"device": "cpu", **changes, "slurm": slurm})


def slow_steps(project: Project, **changes: Any) -> dict[str, Any]:
    """A job whose goal comes after minutes."""
    return on_slurm(**slow_cart(project, **{"total_timesteps": 10**6, "save_freq": 10**6, **changes}))


def uninterrupted(folder: Path, goal: int, **changes: Any) -> str:
    """The tensors at a goal that was reached on this machine at one go."""
    project = Project(folder)
    project.write_jobs(cart=cart_pole(device="cpu", total_timesteps=goal, save_freq=10**6, **changes))
    project.doit("run_full")
    return project.digest("cart", 1)


def wait_for_training(project: Project, number: int) -> None:
    """Until a session has trained for a rollout, as far as its log says."""
    log = project.runs.session("cart", number).log
    eventually(lambda: log.exists() and b"@relay progress" in log.read_bytes())


def job_number(project: Project) -> str:
    """The number of the job of the one session that is under way."""
    (note,) = project.runs.backend("slurm").glob("*/submitted.json")
    return "".join(each for each in note.read_text(encoding="utf-8").partition(",")[0] if each.isdecimal())


def ended(project: Project, number: int) -> Execution:
    return Execution.read(project.runs.session("cart", number).execution_json)


def kill_whoever_submits(folder: Path) -> str:
    """A path on which sbatch submits, and then kills the command that has called it."""
    folder.mkdir()
    program = folder / "sbatch"
    program.write_text(f'#!/bin/sh\n{shutil.which("sbatch")} "$@"\nkill -9 $PPID\n', encoding="utf-8")
    program.chmod(stat.S_IRWXU)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_neither_a_killed_command_nor_a_controller_that_is_away_submits_twice(
    cluster: Cluster, project: Project, whole: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cluster.submissions()
    project.write_jobs(cart=on_slurm(seed=SEEDS[0], slurm={"extra": ["--hold"]}))
    project.kill_at("execute", *RUN)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", kill_whoever_submits(tmp_path / "programs"))
        project.doit(*RUN, expect=KILLED[0])  # Slurm has taken it, and nobody has noted that
    assert cluster.submissions() == before + 1
    attached = project.start(*RUN)
    assert attached.stdout is not None
    said: list[str] = []

    def says(words: str) -> bool:
        assert attached.stdout is not None
        said.append(attached.stdout.readline())
        assert said[-1], "".join(said)
        return words in said[-1]

    eventually(lambda: says("it is held: `scontrol release"))
    cluster.stop_controller()
    eventually(lambda: says("gives no answer"))
    cluster.start_controller()
    (held,) = [job.split()[0] for job in cluster.jobs() if "PENDING" in job]
    cluster.ask("scontrol", "release", held)
    rest, _ = attached.communicate(timeout=PATIENCE_SECONDS)
    assert attached.returncode == 0, "".join(said) + rest
    assert "adopting session 0001, which was submitted before the last command was cut off" in "".join(said)
    assert "cart: session 0001 reached 256 of 256 timesteps: goal met" in rest
    assert cluster.submissions() == before + 1
    assert project.starts("cart") == len(project.sessions("cart")) == 1
    assert project.digest("cart", 1) == whole.digest(f"cart{SEEDS[0]}", 1)
    assert not any(project.runs.backend("slurm").iterdir())


def test_the_seeds_of_a_group_are_one_array(cluster: Cluster, project: Project, whole: Project) -> None:
    seeds = {f"cart{seed}": seed for seed in SEEDS}
    project.write_jobs(**{name: on_slurm(group="carts", seed=seed) for name, seed in seeds.items()})
    said = project.doit(*RUN)
    assert f"carts: {len(seeds)} sessions were submitted to the slurm backend in one" in said
    names = cluster.ask("squeue", "--states=all", "--array", "-h", "-o", "%j|%F").splitlines()
    arrays = [name for name in names if name.startswith("relay-array-")]
    assert len(arrays) == len(seeds)
    assert len({*arrays}) == 1
    for name in seeds:
        assert len(project.sessions(name)) == 1
        assert project.digest(name, 1) == whole.digest(name, 1)
    assert not any(project.runs.backend("slurm").iterdir())


@LONG
@pytest.mark.usefixtures("reached_by_signals")
def test_sessions_that_are_cut_off_by_their_time_are_one_run(
    cluster: Cluster, project: Project, tmp_path: Path
) -> None:
    before = cluster.submissions()
    # Slurm looks at times every half minute, so that its signal and the session's own limit come in either order.
    project.write_jobs(cart=slow_steps(project, slurm={"time": "1m"}, session_limit="1h"))
    project.start(*RUN).communicate(timeout=PATIENCE_SECONDS)
    first = project.adopted("cart", 1).timesteps
    assert first > 0
    project.start(*RUN).communicate(timeout=PATIENCE_SECONDS)
    second = project.adopted("cart", 2).timesteps
    assert second > first
    assert cluster.submissions() == before + 2
    assert project.digest("cart", 2) == uninterrupted(tmp_path / "uninterrupted", second)


@LONG
@pytest.mark.usefixtures("reached_by_signals")
def test_a_session_that_makes_way_for_a_higher_partition_saves_and_goes_on(
    cluster: Cluster, project: Project, tmp_path: Path
) -> None:
    project.write_jobs(cart=slow_steps(project, slurm={"extra": ["--nodelist=n1", "--exclusive"]}))
    running = project.start(*RUN)
    wait_for_training(project, 1)
    cluster.ask("sbatch", "--partition=high", "--nodelist=n1", "--exclusive", "--output=/dev/null", "--wrap=true")
    running.communicate(timeout=PATIENCE_SECONDS)
    assert ended(project, 1).state is State.CANCELLED
    assert "make way" in str(ended(project, 1).reason)
    reached = project.adopted("cart", 1).timesteps
    project.write_jobs(cart=slow_steps(project, total_timesteps=reached + 128))
    project.doit("resume", "backend=slurm")
    assert project.digest("cart", 2) == uninterrupted(tmp_path / "uninterrupted", reached + 128)


@LONG
@pytest.mark.usefixtures("reached_by_signals")
def test_a_node_that_fails_costs_what_was_not_saved(cluster: Cluster, project: Project, tmp_path: Path) -> None:
    project.write_jobs(cart=slow_steps(project, save_freq=64, slurm={"extra": ["--nodelist=n2"]}))
    running = project.start(*RUN)
    log = project.runs.session("cart", 1).log
    eventually(lambda: log.exists() and b"@relay checkpoint" in log.read_bytes())
    cluster.kill_node("n2")
    try:
        running.communicate(timeout=PATIENCE_SECONDS)
    finally:
        cluster.start_node("n2")
    assert ended(project, 1).state is State.FAILED
    assert "ended as its node failed" in str(ended(project, 1).reason)
    reached = project.adopted("cart", 1).timesteps
    assert reached >= 64
    project.write_jobs(cart=slow_steps(project, total_timesteps=reached + 128, save_freq=64))
    project.doit("resume", "backend=slurm")
    assert project.digest("cart", 2) == uninterrupted(tmp_path / "uninterrupted", reached + 128)


@LONG
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("reached_by_signals")
def test_twenty_four_jobs_come_through_kills_of_commands_nodes_and_controllers(
    cluster: Cluster, project: Project, tmp_path: Path
) -> None:
    names = [f"cart{number:02}" for number in range(24)]
    forms = {name: {"seed": seed, "total_timesteps": GOAL} for seed, name in enumerate(names)}
    for name in names[:3]:  # these last until they are cut off: by their node, by their time, by a higher partition
        forms[name]["total_timesteps"] = 8 * GOAL
    jobs = {name: slow_steps(project, save_freq=64, **form) for name, form in forms.items()}
    jobs[names[0]]["slurm"]["extra"] = ["--nodelist=n1"]
    jobs[names[1]]["slurm"]["time"] = "1m"
    jobs[names[2]]["slurm"]["extra"] = ["--nodelist=n2", "--exclusive"]
    project.write_jobs(**jobs)
    before = cluster.submissions()
    project.kill_at(f"execute   {names[3]}", *GO_ON)
    eventually(lambda: trains(project, names[2], "slurm"))
    cluster.ask("sbatch", "--partition=high", "--nodelist=n2", "--exclusive", "--output=/dev/null", "--wrap=true")
    eventually(lambda: trains(project, names[0], "slurm"))
    cluster.kill_node("n1")
    for name in names[4:6]:
        project.kill_at(f"execute   {name}", *GO_ON)
    cluster.stop_controller()
    assert say(project, *GO_ON) == UNDER_WAY
    cluster.start_controller()
    cluster.start_node("n1")
    eventually(lambda: say(project, *GO_ON) == 0)
    sessions = {name: project.sessions(name) for name in names}
    of_others = 1
    assert cluster.submissions() == before + sum(map(len, sessions.values())) + of_others
    assert [name for name in names[:3] if len(sessions[name]) == 1] == []
    made_way = Execution.read(project.runs.session(names[2], 1).execution_json)
    assert "make way" in str(made_way.reason)
    whole = Project(tmp_path / "uninterrupted")
    whole.write_jobs(**{name: cart_pole(device="cpu", **form) for name, form in forms.items()})
    whole.doit("run_full")
    for name in names:
        assert project.digest(name, len(sessions[name])) == whole.digest(name, 1), name


def say(project: Project, *command: str) -> int:
    """The exit code of a command."""
    process = project.start(*command)
    process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode
