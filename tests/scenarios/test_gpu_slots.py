"""Many jobs over the two GPU sessions that Kaggle runs at once: both are in use, in a fair order, within the quota."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from emulator.store.values import KernelState
from runner.backends.kaggle.kernels.metadata import SESSION_MARGIN_SECONDS
from runner.backends.kaggle.names import kernel_slug
from tests.emulated import USER, EmulatedKaggle, emulated, from_a_wednesday
from tests.project import KILLED, PATIENCE_SECONDS, Project, cart_pole, tensors_digest
from tests.scenarios.weeks import job as short_job
from tests.scenarios.weeks import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLLOUT = 64
SEED = 15
SLOTS = 2
LIMIT = 25.0
SLOW = """
import time

import gymnasium as gym
from gymnasium.envs.classic_control import CartPoleEnv


class Slow(CartPoleEnv):
    def __init__(self, pause=0.0):
        super().__init__()
        self._pause = pause

    def step(self, action):
        time.sleep(self._pause)
        return super().step(action)


gym.register("Slow-v0", entry_point=Slow)
"""


class Ran(NamedTuple):
    """A session as Kaggle saw it, in its seconds."""

    job: str
    pushed: float
    began: float
    ended: float


def slow(pause: float, rollouts: int, limit: float, **changes: Any) -> dict[str, Any]:
    """A job whose sessions ask for a GPU, and need no processor while they last.

    Args:
        pause: seconds that a timestep takes.
        rollouts: to its goal.
        limit: seconds after which a session ends.
    """
    env = {"id": "slow:Slow-v0", "n_envs": 2, "kwargs": {"pause": pause}, "check": False}
    return cart_pole(
        env=env,
        backend="kaggle",
        kaggle={"accelerator": "NvidiaTeslaT4"},
        session_limit=limit,
        sources=["slow"],
        total_timesteps=rollouts * ROLLOUT,
        **changes,
    )


def write_environment(project: Project) -> None:
    """A package of the user's own, with an environment that sleeps."""
    (project.root / "slow").mkdir()
    (project.root / "slow" / "__init__.py").write_text(SLOW, encoding="utf-8")


def sessions_at(kaggle: EmulatedKaggle) -> list[Ran]:
    """All sessions that ended, by when they were pushed."""
    kernels = kaggle.running.emulator.kernels
    ran = []
    for kernel in kernels.all():
        for version in kernels.list_versions(kernel.id):
            if version.state is not KernelState.NEW_SCRIPT and version.ended_at is not None:
                began = version.started_at or version.ended_at
                ran.append(Ran(kernel.slug, version.queued_at, began, version.ended_at))
    return sorted(ran, key=lambda each: each.pushed)


def utilisation(ran: list[Ran]) -> float:
    """The part of the two slots that sessions used, from the first push to the last end."""
    span = max(each.ended for each in ran) - min(each.pushed for each in ran)
    return sum(each.ended - each.began for each in ran) / (SLOTS * span)


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach."""
    with emulated(tmp_path / "kaggle") as server:
        server.reached_by_commands(monkeypatch, poll=0.1, patience=120)
        yield server


def used(kaggle: EmulatedKaggle) -> float:
    """GPU seconds of this week, as the account is told."""
    return float(kaggle.running.emulator.gpu_time.used(USER, kaggle.running.emulator.clock.now()))


@pytest.mark.long("takes a quarter of an hour: --long runs it")
@pytest.mark.timeout(3_600)
def test_both_slots_are_in_use_for_as_long_as_there_are_jobs(project: Project, kaggle: EmulatedKaggle) -> None:
    """Utilisation: slot-seconds that sessions used, of twice the seconds from the first push to the last end.

    By the emulator's clock, over 24 jobs of two sessions or three, most of which last for some 50 seconds.
    """
    jobs = {f"job-{number:02d}": slow(0.15, 8, 50, seed=number, priority=int(number >= 22)) for number in range(24)}
    write_environment(project)
    project.write_jobs(**jobs)
    process = project.start("resume")
    said, _ = process.communicate(timeout=3_000)
    ran = sessions_at(kaggle)
    order = [each.job for each in ran]
    share = utilisation(ran)
    print(f"{len(ran)} sessions, {share:.1%} of the slots used, {used(kaggle):.0f} GPU seconds")  # noqa: T201 - a figure

    assert process.returncode == 0, said
    slugs = [kernel_slug(job) for job in jobs]
    first = sum(slug in slugs[22:] for slug in order)
    assert Counter(order) == {kernel_slug(job): len(project.sessions(job)) for job in jobs}  # each was pushed once
    assert set(order[:first]) == set(slugs[22:])  # those of higher priority have all their sessions first
    assert order[first : first + 22] == slugs[:22]  # those that had nothing come in the order of jobs.yaml,
    assert sorted(order[first + 22 : first + 44]) == sorted(slugs[:22])  # and again once each had its first
    assert max(at_once(ran)) == SLOTS
    assert share >= 0.95


def at_once(ran: list[Ran]) -> list[int]:
    """How many sessions ran as each of them began."""
    return [sum(other.began <= each.began < other.ended for other in ran) for each in ran]


@pytest.mark.long("takes minutes: --long runs it")
@pytest.mark.timeout(1_200)
def test_jobs_wait_for_quota_and_none_begins_a_session_that_could_exceed_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A week's quota that is enough for some of six sessions: the others begin when there is all of it again."""
    quota = SESSION_MARGIN_SECONDS + LIMIT + 35.0
    with emulated(tmp_path / "kaggle", gpu_quota_seconds=quota, source=from_a_wednesday()) as kaggle:
        kaggle.reached_by_commands(monkeypatch, poll=0.1, patience=120)
        write_environment(project)
        project.write_jobs(**{f"job-{number}": slow(0.1, 1, LIMIT, seed=number) for number in range(6)})
        process = project.start("resume")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while quota - used(kaggle) >= LIMIT + SESSION_MARGIN_SECONDS or runs(kaggle):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        begun, spent = len(sessions_at(kaggle)), used(kaggle)
        kaggle.let_time_pass(7 * 86_400)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)

        assert process.returncode == 0, said
        assert 0 < begun < len(sessions_at(kaggle)) == 6
        assert spent <= quota
        assert used(kaggle) <= quota
        assert "waits for its turn: Kaggle: has too little GPU time left" in said
        assert "renewed on 2026-01-" in said


@pytest.mark.long("takes minutes: --long runs it")
@pytest.mark.timeout(3_600)
def test_commands_over_many_jobs_that_are_killed_at_random_submit_each_session_once(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path
) -> None:
    goal, jobs, drawn, killed = 2 * ROLLOUT, "abcd", random.Random(SEED), 0
    project.write_jobs(**{job: short_job(total_timesteps=goal) for job in jobs})
    while True:
        process = project.start_struck("", "resume", operations=drawn.randrange(90))
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert "Traceback" not in said
        if process.returncode == 0:
            break
        assert process.returncode in KILLED, said
        killed += 1
    print(f"seed {SEED}: killed {killed} times")  # noqa: T201 - what came of it
    assert killed >= len(jobs)
    assert Counter(each.job for each in sessions_at(kaggle)) == dict.fromkeys(map(kernel_slug, jobs), 2)
    assert [project.starts(job) for job in jobs] == [2] * len(jobs)
    assert {tensors_digest(project.checkpoint(job, 2)) for job in jobs} == {uninterrupted(tmp_path / "local", goal)}


def runs(kaggle: EmulatedKaggle) -> bool:
    """Whether a session runs, or is about to."""
    kernels = kaggle.running.emulator.kernels
    return any(version.state.is_active for kernel in kernels.all() for version in kernels.list_versions(kernel.id))
