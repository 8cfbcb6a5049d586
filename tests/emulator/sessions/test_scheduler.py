"""Which sessions start, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.sessions.scheduler import startable
from emulator.settings import T4, WhenFull
from emulator.store.values import KernelOptions, KernelState, Version
from tests.emulated import emulated

if TYPE_CHECKING:
    from pathlib import Path


def session(number: int, state: KernelState = KernelState.QUEUED, machine: str = T4) -> Version:
    """A session that has not ended."""
    return Version(number, number, 1, state, KernelOptions(), machine, 1.0, "", float(number), None, None)


def test_sessions_start_in_the_order_of_their_pushes_while_there_is_room() -> None:
    active = [("alice", session(1, KernelState.RUNNING)), *(("alice", session(number)) for number in (2, 3, 4))]
    assert [version.id for _, version in startable(active, gpu_slots=3, cpu_slots=1)] == [2, 3]
    assert startable(active, gpu_slots=1, cpu_slots=9) == []


def test_users_and_kinds_of_machines_do_not_stand_in_each_others_way() -> None:
    active = [
        ("alice", session(1, KernelState.RUNNING)),
        ("alice", session(2)),
        ("bob", session(3)),
        ("alice", session(4, machine="")),
        ("alice", session(5, KernelState.CANCEL_REQUESTED, machine="")),
    ]
    assert [version.id for _, version in startable(active, gpu_slots=1, cpu_slots=2)] == [3, 4]


def test_a_long_queue_keeps_its_order_and_loses_nothing(tmp_path: Path) -> None:
    with emulated(tmp_path, when_full=WhenFull.QUEUE) as kaggle, kaggle.client() as api:
        slugs = [f"number-{number:02}" for number in range(12)]
        for slug in slugs:
            api.kernels_push(str(kaggle.kernel(slug=slug, machine_shape=T4)))
        assert {kaggle.wait(slug) for slug in slugs} == {KernelState.COMPLETE}
        kernels = kaggle.running.emulator.kernels
        versions = [kernels.list_versions(kernel.id)[0] for kernel in reversed(kernels.all())]
    starts = [version.started_at or 0.0 for version in versions]
    assert starts == sorted(starts)
    for version in versions:
        at_once = sum(
            (other.started_at or 0.0) <= (version.started_at or 0.0) < (other.ended_at or 0.0) for other in versions
        )
        assert at_once <= 2
