"""doit is SIGKILLed in each stage; the same command then ends in the same state, with one submission."""

from __future__ import annotations

import shutil

import pytest

from tests.project import Project, cart_pole


@pytest.fixture(scope="module")
def uninterrupted(shared_project: Project) -> str:
    """The tensors at the goal of a run that nobody killed."""
    shared_project.write_jobs(cart=cart_pole())
    shared_project.doit("run_full")
    return shared_project.digest("cart", 1)


CHANGES = {"package": 2, "execute": 1, "download": 2, "validate": 1, "restore": 2}
"""About to make which change of a file doit is killed in each stage; with `--long` as it begins and at its first."""


def test_doit_killed_in_every_stage_goes_on_with_the_same_command(
    project: Project, uninterrupted: str, request: pytest.FixtureRequest
) -> None:
    every = (0, 1) if request.config.getoption("--long") else ()

    def kill(stage: str) -> str:
        return "".join(project.kill_at(stage, "run_full", operations=each) for each in every or (CHANGES[stage],))

    project.write_jobs(cart=cart_pole())
    for stage in ("package", "execute"):
        kill(stage)
    project.kill_at("cart 0001  training", "run_full")
    assert "cart: run_full attaches to session 0001, which was submitted to the local backend" in project.doit("plan")
    project.kill_at("cart 0001  attaching to session 0001 on the local backend", "run_full")
    # As if the kill had come between the start of the process and the note that it had started.
    ledger = project.sessions("cart")[0].ledger_json
    text = ledger.read_text(encoding="utf-8").replace('"SUBMITTED"', '"SUBMITTING"')
    ledger.write_text(text, encoding="utf-8")
    assert "adopting session 0001" in kill("download")
    for stage in ("validate", "restore"):
        kill(stage)
    assert "cart: session 0001 reached 256 of 256 timesteps: goal met" in project.doit("run_full")
    assert project.digest("cart", 1) == uninterrupted
    assert project.starts("cart") == 1
    assert len(project.sessions("cart")) == 1
    assert project.doit("run_full") == "cart: nothing to do: 256 of 256 timesteps reached in session 0001\n"


def test_a_quick_session_in_flight_is_finished_before_the_full_one_begins(project: Project) -> None:
    project.write_jobs(cart=cart_pole())
    project.kill_at("cart 0001  training", "run_quick")
    output = project.doit("run_full")
    assert "session 0001 reached 64 of 64 timesteps" in output
    assert "session 0002 reached 256 of 256 timesteps" in output


def test_a_session_that_its_backend_lost_does_not_block_the_job(project: Project) -> None:
    project.write_jobs(cart=cart_pole(total_timesteps=1_000_000))
    project.kill_at("cart 0001  training", "run_full")
    project.stop_everything()
    shutil.rmtree(project.runs.backend("local"))
    output = project.doit("run_full", expect=1)
    assert "session 0001 reached 0 of 1,000,000 timesteps and ended: its sandbox " in output
    assert "session 0002 reached 64 of 64 timesteps: goal met" in project.doit("run_quick")


def test_two_jobs_run_side_by_side_and_a_killed_command_goes_on_with_both(project: Project, uninterrupted: str) -> None:
    project.write_jobs(a=cart_pole(), b=cart_pole(), broken=cart_pole(sources=["nowhere"]))
    said = project.kill_at("execute   b", "resume", "sessions=2", operations=2)
    assert said.index("execute   a:0001") < said.index("execute   b:0001")
    assert "goal met" not in said  # nobody waits for the end of the first before the second begins
    project.kill_at("restore   a", "resume", "sessions=2")
    said = project.doit("resume", "sessions=2", expect=2)
    assert 'sources.0: there is no such folder, found "nowhere"' in said
    assert "b: session 0001 reached 256 of 256 timesteps: goal met" in said
    assert [project.digest(job, 1) for job in "ab"] == [uninterrupted] * 2
    assert [project.starts(job) for job in "ab"] == [1, 1]
    assert [len(project.sessions(job)) for job in "ab"] == [1, 1]


def test_doit_without_its_memory_repeats_nothing_that_costs(shared_project: Project, uninterrupted: str) -> None:
    for state in shared_project.root.glob(".doit.*"):
        state.unlink()
    shared_project.doit("run_full")
    assert shared_project.starts("cart") == 1
    assert len(shared_project.sessions("cart")) == 1
    assert shared_project.digest("cart", 1) == uninterrupted
