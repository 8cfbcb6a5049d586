"""What a job may say under `slurm`, and what comes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from contract.errors import InputError
from executors.slurm.settings import SlurmSettings
from job.problems import InvalidJobError
from runner.backends.registry import backend_entry
from runner.backends.slurm.backend import SlurmBackend
from runner.backends.slurm.settings import job_settings
from tests.runner.conftest import job_json

ROOT = Path("/lab/runs/.backends/slurm")
HOUR = 3600.0


def settings(device: str = "cpu", **slurm: Any) -> SlurmSettings:
    return job_settings(job_json(device=device, session_limit="1h", slurm=slurm), ROOT, "k" * 64)


def test_a_job_that_says_nothing_asks_for_the_time_that_its_session_takes() -> None:
    assert settings() == SlurmSettings(time=HOUR + 600, python=sys.executable, comment="k" * 64)


def test_what_a_job_says_is_asked_for() -> None:
    said = {"partition": "gpu", "account": "lab", "qos": "long", "gres": "gpu:a100:1", "cpus": 4, "memory": "8g"}
    extra = ["--constraint=a100", "--exclusive", "--mail-type=END"]
    asked = settings("cuda", **said, time="2h", extra=extra, python="/opt/venv/bin/python", folder="scratch")
    assert asked == SlurmSettings(
        partition="gpu",
        account="lab",
        qos="long",
        gres="gpu:a100:1",
        cpus=4,
        memory=8 << 30,
        time=2 * HOUR,
        extra=tuple(extra),
        folder=Path("/lab/scratch").absolute(),
        python="/opt/venv/bin/python",
        comment="k" * 64,
    )


@pytest.mark.parametrize(
    ("stated", "limit"), [({}, HOUR), ({"time": "2h"}, HOUR), ({"time": "30m"}, 1200.0), ({"time": "1m"}, 40.0)]
)
def test_a_session_lasts_as_long_as_it_is_to_and_as_its_time_allows(
    stated: dict[str, Any], limit: float, tmp_path: Path
) -> None:
    job = job_json(session_limit="1h", slurm=stated)
    with SlurmBackend(tmp_path / "runs" / ".backends" / "slurm") as backend:
        provisions = backend.provisions(job, None)
    assert provisions.session_limit == pytest.approx(limit)


def test_the_memory_of_a_session_is_what_is_asked_for() -> None:
    assert backend_entry("slurm").memory(job_json(slurm={"memory": "2g"})) == 2 << 30
    assert backend_entry("slurm").memory(job_json()) is None


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"partition": "a b"}, "must be a name as Slurm has it"),
        ({"gres": "gpu;rm"}, "must be generic resources as Slurm has them"),
        ({"time": "30s"}, "must be at least 60"),
        ({"cpus": 0}, "must be"),
        ({"extra": ["-c 4"]}, "must be a long option of sbatch in one word"),
        ({"extra": ["--mem=4g"]}, "write it as slurm.memory"),
        ({"extra": ["--part=gpu"]}, "write it as slurm.partition"),
        ({"extra": ["--out=elsewhere"]}, "by which a session is found, heard or cut off"),
        ({"extra": ["--array=1-9"]}, "by which a session is found, heard or cut off"),
        ({"partion": "gpu"}, "partion"),
    ],
)
def test_what_cannot_be_asked_for_is_named(stated: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidJobError) as refused:
        job_json(slurm=stated)
    assert said in " ".join(map(str, refused.value.problems))


def test_a_gpu_has_to_be_asked_for() -> None:
    with pytest.raises(InputError, match=r"ask Slurm for no GPU; set `slurm: \{gres: gpu:1\}`"):
        settings("cuda")
    assert settings("cuda", extra=["--gpus=1"]).extra == ("--gpus=1",)
