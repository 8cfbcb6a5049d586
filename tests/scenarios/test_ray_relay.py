"""Runs on a real Ray cluster of three nodes, cut off in each way that a cluster has, end as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Execution
from executors.local_launcher import ENDED_FILE
from tests.project import Project, cart_pole
from tests.ray_cluster import HEAD, RayCluster, running_ray
from tests.scenarios.slow_jobs import eventually, slow_cart, trains

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

GO_ON = ("resume", "backend=ray", "wait=no")
NODES = ("n1", "n2", "n3")
UNDER_WAY = 75
GOAL = 512
PATIENCE_SECONDS = 1500
"""With two dozen jobs on a machine that does something else too."""
LONG = pytest.mark.long("the executor's tests have the same ends in small, with scripts that train nothing")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with running_ray(*NODES) as there:
        yield there


def slow_steps(project: Project, **changes: Any) -> dict[str, Any]:
    return slow_cart(project, **{"save_freq": 64, **changes})


def say(project: Project, *command: str) -> tuple[int, str]:
    """The exit code of a command, and what it has said."""
    process = project.start(*command)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said


def under_way(project: Project) -> Iterator[Path]:
    """The sandboxes of sessions that have saved a checkpoint and have not ended."""
    for sandbox in project.runs.backend("ray").iterdir():
        log = sandbox / "log.txt"
        if log.exists() and b"@relay checkpoint" in log.read_bytes() and not (sandbox / ENDED_FILE).exists():
            yield sandbox


def reasons(project: Project, job: str) -> list[str]:
    """Why the sessions of a job have ended, as far as their backend told."""
    return [str(Execution.read(each.execution_json).reason) for each in project.sessions(job)]


@LONG
def test_a_head_that_is_started_anew_costs_what_was_not_saved(
    cluster: RayCluster, project: Project, tmp_path: Path
) -> None:
    project.write_jobs(cart=slow_steps(project, total_timesteps=10**6))
    assert say(project, *GO_ON)[0] == UNDER_WAY
    eventually(lambda: trains(project, "cart", "ray"), PATIENCE_SECONDS)
    cluster.kill(HEAD)
    cluster.wait_for_the_end_of(*NODES)
    cluster.start_head()
    cluster.start_nodes(*NODES)
    say(project, "run_full", "backend=ray")
    (reason,) = reasons(project, "cart")
    assert "Ray no longer knows its job, which left no record of its end" in reason
    goal = project.adopted("cart", 1).timesteps + 128
    assert goal > 128
    project.write_jobs(cart=slow_steps(project, total_timesteps=goal))
    assert say(project, "resume", "backend=ray")[0] == 0
    whole = Project(tmp_path / "uninterrupted")
    whole.write_jobs(cart=cart_pole(device="cpu", total_timesteps=goal))
    whole.doit("run_full")
    assert project.digest("cart", 2) == whole.digest("cart", 1)


@LONG
def test_twenty_four_jobs_come_through_kills_of_commands_a_node_and_the_head(
    cluster: RayCluster, project: Project, tmp_path: Path
) -> None:
    names = [f"cart{number:02}" for number in range(24)]
    forms = {name: {"seed": seed, "total_timesteps": GOAL} for seed, name in enumerate(names)}
    forms[names[0]]["total_timesteps"] = 4 * GOAL  # cut off by its node
    forms[names[1]]["total_timesteps"] = 8 * GOAL  # by its time
    jobs = {name: slow_steps(project, ray={"cpus": 1}, **form) for name, form in forms.items()}
    jobs[names[0]]["ray"]["resources"] = {"n1": 1}
    jobs[names[1]]["session_limit"] = "40s"
    project.write_jobs(**jobs)
    project.kill_at(f"execute   {names[3]}", *GO_ON)
    eventually(lambda: trains(project, names[0], "ray"), PATIENCE_SECONDS)
    cluster.kill("n1")
    for name in names[4:6]:
        project.kill_at(f"execute   {name}", *GO_ON)
    cluster.start_nodes("n1")
    assert say(project, *GO_ON)[0] == UNDER_WAY
    given = cluster.jobs()
    eventually(lambda: any(under_way(project)), PATIENCE_SECONDS)
    cluster.kill(HEAD)
    code, said = say(project, *GO_ON)
    assert code == UNDER_WAY
    assert "gives no answer" in said
    cluster.wait_for_the_end_of(*NODES)
    cluster.start_head()  # it knows of no job
    cluster.start_nodes(*NODES)
    eventually(lambda: say(project, *GO_ON)[0] == 0, PATIENCE_SECONDS)
    assert given.keys().isdisjoint(later := cluster.jobs())
    sessions = {name: project.sessions(name) for name in names}
    assert len(given) + len(later) == sum(map(len, sessions.values()))
    assert all(len(sessions[name]) > 1 for name in names[:2])
    told = [reason for name in names for reason in reasons(project, name)]
    assert any("Ray no longer knows its job" in reason for reason in told)
    assert any("its node failed" in reason for reason in told)
    whole = Project(tmp_path / "uninterrupted")
    whole.write_jobs(**{name: cart_pole(device="cpu", **form) for name, form in forms.items()})
    whole.doit("run_full")
    for name in names:
        assert project.digest(name, len(sessions[name])) == whole.digest(name, 1), name
