"""A run is made of sessions: each goes on where the last one ended, until the goal is met."""

from __future__ import annotations

from tests.project import Project, cart_pole


def test_quick_then_full_then_a_raised_goal_is_one_run(project: Project) -> None:
    project.write_jobs(cart=cart_pole())

    output = project.doit("run_quick")
    assert "cart: session 0001 reached 64 of 64 timesteps: goal met" in output
    assert "[CHECKPOINT] ====== CHECKPOINT RESTORATION ======" in output
    assert "[CHECKPOINT] Found 1 checkpoint(s) to restore:" in output

    assert project.doit("run_quick") == "cart: nothing to do: 64 of 64 timesteps reached in session 0001\n"
    assert len(project.sessions("cart")) == 1

    output = project.doit()
    assert "[CHECKPOINT] Resumed at 64 timesteps (exact)" in output
    assert "[CHECKPOINT] Found 2 checkpoint(s) to restore:" in output
    assert "[CHECKPOINT]   cart_checkpoint_256_steps.zip (" in output
    assert "[CHECKPOINT] Successfully restored 2 file(s)" in output
    assert "[CHECKPOINT] Next training will automatically resume from latest checkpoint" in output
    assert "cart: session 0002 reached 256 of 256 timesteps: goal met" in output

    # An on-policy goal is met by the first whole rollout past it.
    project.write_jobs(cart=cart_pole(total_timesteps=356))
    output = project.doit("plan", "run_full")
    assert "cart: run_full goes on from session 0002 at 256 of 356 timesteps" in output
    assert "cart: session 0003 reached 384 of 356 timesteps: goal met" in output
    assert [project.adopted("cart", number).timesteps for number in (1, 2, 3)] == [64, 256, 384]
    assert "nothing to do: 384 of 356 timesteps reached in session 0003" in project.doit("run_full")


def test_resume_chains_sessions_until_the_goal_or_the_most_that_a_job_may_have(project: Project) -> None:
    # Each session may start, and then has no time left but for one rollout.
    job = cart_pole(session_limit=1, total_timesteps=192)
    project.write_jobs(cart=job | {"max_sessions": 2})
    output = project.doit("resume", "cart")
    assert "session 0001 reached 64 of 192 timesteps and ended: session limit" in output
    assert "session 0002 reached 128 of 192 timesteps and ended: session limit" in output
    assert "cart: stopped at max_sessions; raise it in jobs.yaml to go on" in output
    assert len(project.sessions("cart")) == 2

    project.write_jobs(cart=job)
    assert "session 0003 reached 192 of 192 timesteps: goal met" in project.doit("resume")
    assert [project.adopted("cart", number).resume.exact for number in (1, 2, 3)] == [True] * 3
