"""Whether what a session keeps in memory fits where it is to run."""

from __future__ import annotations

from typing import Any

import pytest

from contract.documents.trial import Memory
from contract.errors import InputError
from runner.backends.registry import backend_entry
from runner.preflight.memory import memory_note
from tests.runner.conftest import job_json

GIB = 1 << 30
SMALL = Memory(replay=0, rollout=1 << 20, networks=1 << 20)


def job(goal: int = 10**7, **hyperparameters: Any) -> dict[str, Any]:
    return job_json(algorithm="DQN", hyperparameters=hyperparameters, total_timesteps=goal, quick={}, backend="kaggle")


def of(replay: float) -> Memory:
    return Memory(replay=int(replay * GIB), rollout=0, networks=0)


def test_a_buffer_that_fills_beyond_the_memory_is_refused_with_the_numbers() -> None:
    with pytest.raises(InputError) as caught:
        memory_note(job(buffer_size=1_000_000), of(52.6), 29 * GIB)
    assert str(caught.value) == (
        "job cart: its full replay buffer (52.6 GiB) and the rest take 52.9 GiB of memory, and a session on the kaggle "
        "backend has 29.0 GiB; set hyperparameters.buffer_size to 436,608 or less"
    )


def test_the_size_that_is_proposed_fits() -> None:
    assert "of memory" in str(memory_note(job(buffer_size=436_606), of(52.6 * 0.436606), 29 * GIB))


def test_pages_that_no_timestep_fills_take_nothing() -> None:
    note = str(memory_note(job(100_000), of(52.6), 29 * GIB))
    assert note.startswith(
        "needs 52.9 GiB of memory once its buffers are full, of 29.0 GiB that a session on the kaggle"
    )
    assert note.endswith("(near, or beyond once the goal is raised)")
    with pytest.raises(InputError, match=r"210\.3 GiB"):  # more than there are addresses to give
        memory_note(job(64, buffer_size=4_000_000), of(210.3), 29 * GIB)


def test_a_rollout_counts_too() -> None:
    rollout = Memory(replay=0, rollout=40 * GIB, networks=0)
    with pytest.raises(InputError, match=r"its rollout \(40\.0 GiB\) and the rest take .*; lower n_steps, n_envs"):
        memory_note(job_json(), rollout, 29 * GIB)


@pytest.mark.parametrize("there", [None, 29 * GIB])
def test_what_takes_little_is_not_worth_a_word(there: int | None) -> None:
    assert memory_note(job_json(), SMALL, there) is None


def test_where_the_memory_is_not_known_only_the_need_is_said() -> None:
    assert memory_note(job(), of(40), None) == "needs 40.3 GiB of memory once its buffers are full"


@pytest.mark.parametrize(
    ("backend", "changes", "there"),
    [("kaggle", {}, 29 * GIB), ("docker", {}, 29 * GIB), ("docker", {"docker": {"memory": "700m"}}, 700 << 20)],
)
def test_a_place_says_what_it_has(backend: str, changes: dict[str, Any], there: int) -> None:
    assert backend_entry(backend).memory(job_json(backend=backend, **changes)) == there


def test_this_machine_has_what_it_has() -> None:
    assert (backend_entry("local").memory(job_json()) or 0) > GIB
