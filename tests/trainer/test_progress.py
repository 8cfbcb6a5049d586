"""Where a session stands, in the documents that say so."""

from __future__ import annotations

import datetime as dt
import platform
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from contract.libraries import library_versions
from tests.trainer.conftest import ROLLOUT, job_values
from trainer.progress import Milestones, Progress, utc_now
from trainer.session_input import read_session_input

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay


@pytest.fixture
def progress(relay: Relay) -> Progress:
    return Progress(read_session_input(relay.input(job_values(total_timesteps=100))))


def test_a_first_session_begins_at_zero(progress: Progress) -> None:
    assert (progress.timesteps_at_start, progress.timesteps, progress.goal_met) == (0, 0, False)


def test_a_later_session_begins_where_its_parent_stood(relay: Relay) -> None:
    parent = relay.session(job_values(), stop_after=2)
    progress = Progress(read_session_input(relay.input_after(job_values(), parent)))
    assert progress.timesteps_at_start == progress.timesteps == 2 * ROLLOUT
    assert progress.metadata().timesteps_at_start == 2 * ROLLOUT


@pytest.mark.parametrize(("timesteps", "met"), [(99, False), (100, True), (112, True)])
def test_the_goal_is_met_at_or_past_it(progress: Progress, timesteps: int, *, met: bool) -> None:
    progress.timesteps = timesteps
    assert progress.metadata().goal_met is met


def test_reasons_are_noted_once_each_in_their_order(progress: Progress) -> None:
    assert progress.verdict.exact
    progress.add_inexact(("b", "a"))
    progress.add_inexact(("a", "c"))
    assert progress.verdict.reasons == ("b", "a", "c")
    assert not progress.metadata().resume.exact


def test_metadata_is_dated_in_utc(progress: Progress) -> None:
    document = progress.metadata("SIGTERM")
    assert document.started_at <= document.updated_at
    assert dt.datetime.fromisoformat(utc_now()).utcoffset() == dt.timedelta(0)
    assert document.interrupted_by == "SIGTERM"


def test_milestones_are_plain_data() -> None:
    assert Milestones(best_mean_reward=1.5).to_plain() == {
        "saved_at": 0,
        "evaluated_at": 0,
        "episodes": 0,
        "best_mean_reward": 1.5,
    }


def test_versions_are_those_installed() -> None:
    versions = library_versions()
    assert versions["python"] == platform.python_version()
    assert versions["torch"] == metadata.version("torch")
    assert versions.keys() == {"python", "torch", "numpy", "gymnasium", "stable-baselines3", "sb3-contrib"}
