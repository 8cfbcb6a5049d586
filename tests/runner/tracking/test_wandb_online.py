"""Weights & Biases' own client against a server that keeps rows as theirs does: what is there is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.lineage import Phase
from runner.tracking.sending import Delivery, deliver
from runner.tracking.values import Place, UnreachableError
from runner.tracking.weights_and_biases import AXIS, WeightsAndBiases
from tests.runner.conftest import JOB, JobOnDisk
from tests.runner.measured import REWARD, dump, leave, two_sessions
from tests.runner.tracking.wandb_server import Server, serving
from tests.services import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs("wandb")

pytestmark = pytest.mark.filterwarnings("ignore")  # what its libraries warn of is theirs

ALL = [(32, 1), (64, 2), (96, 30), (128, 40)]


def forget_variables() -> None:
    """Have its client read its variables again, which it does once in a process."""
    import wandb  # noqa: PLC0415 - may not be here

    wandb.teardown()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        for name in ("WANDB_MODE", "WANDB_PROJECT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(tmp_path)
        yield server
        forget_variables()


def send(disk: JobOnDisk) -> Delivery:
    place = Place(disk.runs.tracking(JOB))
    return deliver(disk.runs, JOB, "lights", place, WeightsAndBiases(place))


def series(server: Server, run: str) -> list[tuple[int, float]]:
    rows = server.rows(run)
    assert [row["_step"] for row in rows] == [*range(len(rows))]
    return [(row[AXIS], row[REWARD]) for row in rows]


def test_later_commands_send_what_is_new_into_the_same_run(tmp_path: Path, server: Server) -> None:
    disk = two_sessions(tmp_path)
    first = send(disk)
    assert series(server, first.run.id) == ALL
    assert first.where == f"{server.url}/me/lights/runs/{first.run.id}"
    parent = disk.lineage.sessions[1].restored.checkpoint
    leave(disk.add(Phase.RESTORED, timesteps=192, parent=parent), dump(160, 60), dump(192, 70))
    assert [send(disk).points for _ in range(2)] == [2, 0]
    assert series(server, first.run.id) == [*ALL, (160, 60), (192, 70)]
    assert server.names == {first.run.id: JOB}


@pytest.mark.parametrize("arrived", range(4))
def test_rows_that_never_arrived_are_sent_by_the_next_command(tmp_path: Path, server: Server, arrived: int) -> None:
    disk = two_sessions(tmp_path)
    run = send(disk).run.id
    del server.lines[run][arrived:]  # as where the command was killed before all of it was uploaded
    done = send(disk)
    assert (done.points, done.why_anew) == (0, ()), "they were in the outbox"
    assert series(server, run) == ALL


def test_a_run_with_rows_that_nobody_here_sent_stays_and_another_begins(tmp_path: Path, server: Server) -> None:
    disk = two_sessions(tmp_path)
    run = send(disk).run.id
    place = Place(disk.runs.tracking(JOB))
    place.outbox("wandb", 1).unlink()
    place.record("wandb").unlink()
    assert send(disk).why_anew == (f"its run {run} has 4 rows, of which 0 were sent from here",)
    assert series(server, run) == series(server, f"{run}-2") == ALL
    assert server.names[f"{run}-2"] == f"{JOB}-2"


def test_a_server_that_does_not_answer_is_one_sentence_and_nothing_is_lost(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    disk = two_sessions(tmp_path)
    with pytest.raises(UnreachableError, match=r"Weights & Biases: took nothing, or not all: .*; nothing is lost: see"):
        send(disk)
    forget_variables()
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    assert series(server, send(disk).run.id) == ALL
