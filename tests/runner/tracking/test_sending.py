"""One run over all sessions, whatever is killed, redone or left in between."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from contract.errors import HeldElsewhereError
from runner.lineage import Phase
from runner.tracking.described import flat
from runner.tracking.sending import Delivery, deliver
from runner.tracking.values import Place, UnreachableError
from tests.runner.conftest import JOB, JobOnDisk
from tests.runner.measured import REWARD, dump, leave, two_sessions
from tests.runner.tracking.memory import InMemory

if TYPE_CHECKING:
    from pathlib import Path

ALL = [("eval/mean_reward", 128), (REWARD, 32), (REWARD, 64), (REWARD, 96), (REWARD, 128), ("train/loss", 96)]


def place(disk: JobOnDisk) -> Place:
    return Place(disk.runs.tracking(JOB))


def send(disk: JobOnDisk, tracker: InMemory) -> Delivery:
    return deliver(disk.runs, JOB, "", place(disk), tracker)


def of(tracker: InMemory, run: str) -> list[tuple[str, int]]:
    return sorted((key, timesteps) for key, timesteps, _ in tracker.runs[run])


def test_two_sessions_are_one_run_and_later_only_what_is_new_is_sent(tmp_path: Path) -> None:
    disk, tracker = two_sessions(tmp_path), InMemory()
    first = send(disk, tracker)
    assert (first.points, first.why_anew, first.run.name) == (6, (), JOB)
    assert of(tracker, first.run.id) == sorted(ALL)
    assert send(disk, tracker).points == 0
    parent = disk.lineage.sessions[1].restored.checkpoint
    leave(disk.add(Phase.RESTORED, timesteps=160, parent=parent), dump(160, 60), dump(192, 70))
    third = send(disk, tracker)
    assert (third.points, third.run.id) == (1, first.run.id)
    assert of(tracker, first.run.id) == sorted([*ALL, (REWARD, 160)])


@pytest.mark.parametrize("taken", range(6))
def test_a_send_that_is_cut_anywhere_loses_and_doubles_nothing(tmp_path: Path, taken: int) -> None:
    disk, tracker = two_sessions(tmp_path), InMemory(answers=taken)
    with pytest.raises(UnreachableError):
        send(disk, tracker)
    tracker.answers = None
    done = send(disk, tracker)
    assert done.points == 6 - taken
    assert Counter(of(tracker, done.run.id)) == Counter(ALL)
    assert [*tracker.runs] == [done.run.id]


def test_what_a_redo_has_replaced_begins_a_new_run_that_says_so(tmp_path: Path) -> None:
    disk, tracker = two_sessions(tmp_path), InMemory()
    first = send(disk, tracker)
    parent = disk.lineage.sessions[0].restored.checkpoint
    redone = disk.add(Phase.SUBMITTED, parent=parent)
    assert send(disk, tracker)[2:] == (0, *send(disk, tracker)[3:]), "it may come to nothing"
    assert [*tracker.runs] == [first.run.id]
    disk.runs.session(JOB, 3).request.unlink()
    assert redone == disk.runs.session(JOB, 3)
    leave(disk.add(Phase.RESTORED, timesteps=128, parent=parent), dump(96, -1), dump(128, -2))
    second = send(disk, tracker)
    assert second.why_anew == ("what was sent from 96 timesteps on is not what the training is now",)
    assert (second.run.id, second.run.name) == (f"{first.run.id}-2", f"{JOB}-2")
    assert of(tracker, second.run.id) == sorted((REWARD, at) for at in (32, 64, 96, 128))
    assert of(tracker, first.run.id) == sorted(ALL), "the run before is left as it is"
    assert send(disk, tracker).run.id == second.run.id


def test_a_run_that_holds_what_nobody_here_sent_is_left_alone(tmp_path: Path) -> None:
    disk, tracker = two_sessions(tmp_path), InMemory()
    first = send(disk, tracker).run.id
    place(disk).record(tracker.name).unlink()
    other = InMemory(foreign=frozenset({first, f"{first}-2"}))
    done = send(disk, other)
    assert [*other.runs] == [f"{first}-3"]
    assert done.why_anew == (f"its run {first} has rows of others", f"its run {first}-2 has rows of others")


def test_a_run_is_the_same_wherever_the_project_lies_and_another_in_another_lineage(tmp_path: Path) -> None:
    runs = [send(two_sessions(tmp_path / name), InMemory()).run for name in ("here", "there")]
    assert runs[0].id == runs[1].id
    disk = two_sessions(tmp_path / "fresh")
    (tmp_path / "fresh" / "runs" / ".archive" / f"{JOB}-001").mkdir(parents=True)
    assert send(disk, InMemory()).run.id != runs[0].id


def test_it_says_what_the_job_is_and_whether_it_went_on_exactly(tmp_path: Path) -> None:
    disk, tracker = two_sessions(tmp_path), InMemory()
    run = tracker.told[send(disk, tracker).run.id]
    assert {"env.id": "CartPole-v1", "algorithm": "PPO", "seed": "5"}.items() <= run.parameters.items()
    assert run.tags["kaggle_relay.backend"] == "local"
    assert run.tags["kaggle_relay.resume"] == "exact"
    assert run.tags["kaggle_relay.sessions"] == "2"
    checkpoint = disk.checkpoint(3, 160) | {"resume": {"exact": False, "reasons": ["another torch"]}}
    leave(disk.add(Phase.RESTORED, parent=checkpoint), dump(160, 60))
    run = tracker.told[send(disk, tracker).run.id]
    assert run.tags["kaggle_relay.resume"] == "approximate: another torch"


def test_nothing_is_sent_before_the_first_checkpoint(tmp_path: Path) -> None:
    disk, tracker = JobOnDisk(tmp_path), InMemory()
    disk.add(Phase.SUBMITTED)
    assert (send(disk, tracker).where, tracker.runs) == ("", {})


def test_two_commands_at_once_are_one_too_many(tmp_path: Path) -> None:
    disk = two_sessions(tmp_path)
    path = place(disk).lock("memory")
    path.parent.mkdir(parents=True)
    with FileLock(path), pytest.raises(HeldElsewhereError, match="being sent to memory by another command"):
        send(disk, InMemory())


def test_a_job_is_flat() -> None:
    job = {"env": {"id": "X", "kwargs": {"a": None, "b": True}}, "layers": [8, 8], "rate": 0.5}
    assert dict(flat(job)) == {"env.id": "X", "env.kwargs.b": "true", "layers": "[8, 8]", "rate": "0.5"}
