"""What a script asks of Slurm, and how its time is shared out."""

from __future__ import annotations

import pytest

from executors.slurm.settings import SlurmSettings, asked_seconds, longest_session, margin, minutes, request_options

HOUR = 3600.0


def test_what_is_left_out_is_left_to_the_cluster() -> None:
    assert request_options(SlurmSettings()) == []


def test_each_key_is_an_option_in_one_word() -> None:
    settings = SlurmSettings(
        partition="gpu",
        account="lab",
        qos="long",
        gres="gpu:1",
        cpus=4,
        memory=(1 << 30) + 1,
        time=2 * HOUR,
        extra=("--constraint=a100",),
    )
    assert request_options(settings) == [
        "--partition=gpu",
        "--account=lab",
        "--qos=long",
        "--gres=gpu:1",
        "--cpus-per-task=4",
        "--mem=1025M",
        "--time=120",
        "--signal=B:TERM@300",
        "--constraint=a100",
    ]


@pytest.mark.parametrize(("seconds", "whole"), [(1, 1), (60, 1), (61, 2), (24 * HOUR, 1440)])
def test_slurm_counts_whole_minutes(seconds: float, whole: int) -> None:
    assert minutes(seconds) == whole


@pytest.mark.parametrize("time", [60.0, 600.0, HOUR, 24 * HOUR, 7 * 24 * HOUR])
def test_a_session_ends_by_itself_before_slurm_tells_it_to_and_then_ends_it(time: float) -> None:
    assert 0 < longest_session(time) < time - margin(time) < time
    assert margin(time) <= 300


@pytest.mark.parametrize("limit", [40.0, 100.0, HOUR, 1200.0, 1199.0, 31_500.0])
def test_a_job_without_a_time_gets_the_one_that_its_session_takes(limit: float) -> None:
    assert longest_session(asked_seconds(limit)) == pytest.approx(limit)
