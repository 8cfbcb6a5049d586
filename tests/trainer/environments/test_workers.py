"""No worker process of environments outlives what it was started for, whatever happens."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING

import pytest

from contract.storage import layout
from job.model import parse_job
from tests.trainer.conftest import PATIENCE_SECONDS, job_values
from trainer.environments import making
from trainer.environments.making import make_training_envs
from trainer.environments.vectorized import InWorkers
from trainer.environments.workers import all_or_none, closing

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from typing import Any

    from tests.trainer.conftest import Relay

TWO_WORKERS = {"id": "CartPole-v1", "n_envs": 2, "vectorization": "subproc"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[BaseProcess]:
    """Every worker process that environments have started so far."""
    processes: list[BaseProcess] = []

    class Watched(InWorkers):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            processes.extend(self.processes)

    monkeypatch.setattr(making, "InWorkers", Watched)
    return processes


@pytest.mark.slow
def test_none_is_left_by_a_session_whose_parent_is_refused(relay: Relay, started: list[BaseProcess]) -> None:
    parent = relay.session(job_values(total_timesteps=16))
    folder = relay.input_after(job_values(env=TWO_WORKERS), parent)
    (folder / layout.PARENT_CHECKPOINT).write_bytes(b"another")
    refused = relay.run(folder)
    assert (refused.code, refused.metadata.interrupted_by) == (1, "CheckpointError")
    assert len(started) == 2
    assert not any(each.is_alive() for each in started)


@pytest.mark.slow
def test_none_is_left_by_environments_of_which_one_has_died(started: list[BaseProcess]) -> None:
    with closing(make_training_envs(parse_job(job_values(env=TWO_WORKERS)))) as venv:
        venv.reset()
        started[0].kill()
        started[0].join()
    assert not any(each.is_alive() for each in started)


def test_none_is_left_where_one_of_several_cannot_start() -> None:
    others = multiprocessing.active_children()
    first = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(PATIENCE_SECONDS,))

    def start_two() -> None:
        with all_or_none():
            first.start()
            raise EOFError

    with pytest.raises(EOFError):
        start_two()
    assert not first.is_alive()
    assert multiprocessing.active_children() == others


@pytest.mark.slow
def test_none_is_left_by_observations_that_no_wrapper_takes(started: list[BaseProcess]) -> None:
    env = {"id": "tests.trainer.conftest:Troubled-v0", "vectorization": "subproc", "frame_stack": 2}
    with pytest.raises(Exception, match="Stable-Baselines3 cannot take its observations"):
        make_training_envs(parse_job(job_values(env=env, policy="MultiInputPolicy")))
    assert len(started) == 1
    assert not any(each.is_alive() for each in started)
