"""The one place that spells the names inside artifacts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.storage.layout import Artifacts, checkpoint_name, timesteps_in_name
from job.model import JOB_NAME

if TYPE_CHECKING:
    from pathlib import Path


def test_a_checkpoint_is_named_as_the_user_documentation_says(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, "traffic_light_control")
    assert {
        artifacts.checkpoint(100).relative_to(tmp_path).as_posix(),
        artifacts.best_model.relative_to(tmp_path).as_posix(),
        artifacts.final_model.relative_to(tmp_path).as_posix(),
        artifacts.metadata.relative_to(tmp_path).as_posix(),
        artifacts.metrics.relative_to(tmp_path).as_posix(),
        artifacts.manifest.relative_to(tmp_path).as_posix(),
    } == {
        "checkpoints/traffic_light_control_checkpoint_100_steps.zip",
        "best_model/best_model.zip",
        "traffic_light_control_final.zip",
        "training_metadata.json",
        "training_metrics.jsonl",
        "manifest.json",
    }


@given(st.from_regex(JOB_NAME, fullmatch=True), st.integers(0, 10**18))
def test_the_number_is_read_back_from_the_name(job: str, timesteps: int) -> None:
    assert timesteps_in_name(checkpoint_name(job, timesteps), job) == timesteps


@pytest.mark.parametrize(
    "name",
    [
        "other_checkpoint_5_steps.zip",
        "a_checkpoint_5_steps.zip.part",
        "a_checkpoint_-5_steps.zip",
        "a_checkpoint_05_steps.zip",
        "a_checkpoint_٣_steps.zip",
        "a_checkpoint__steps.zip",
        "a_checkpoint_5_steps_zip",
        "a_checkpoint_5_steps.zip\n",
        ".relay-tmp-a_checkpoint_5_steps.zip",
        "a_final.zip",
    ],
)
def test_any_other_name_has_no_number(name: str) -> None:
    assert timesteps_in_name(name, "a") is None


def test_a_job_that_looks_like_a_checkpoint_is_kept_apart() -> None:
    name = checkpoint_name("a_checkpoint_1", 2)
    assert timesteps_in_name(name, "a_checkpoint_1") == 2
    assert timesteps_in_name(name, "a") is None


def test_the_order_is_that_of_the_numbers_not_of_times_or_names(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, "a")
    assert artifacts.checkpoints_by_timesteps() == {}
    artifacts.checkpoints.mkdir()
    for age, timesteps in enumerate((1000, 200, 30)):
        artifacts.checkpoint(timesteps).touch()
        os.utime(artifacts.checkpoint(timesteps), (10**9 + age, 10**9 + age))
    (artifacts.checkpoints / "b_checkpoint_1_steps.zip").touch()
    found = artifacts.checkpoints_by_timesteps()
    assert list(found) == [30, 200, 1000]
    assert found[30] == artifacts.checkpoint(30)
