"""What a job may say under `ray`, and what comes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.errors import InputError
from executors.ray.settings import RaySettings
from job.problems import InvalidJobError
from runner.backends.ray.backend import RayBackend
from runner.backends.ray.settings import job_settings
from runner.backends.registry import backend_entry
from tests.runner.conftest import job_json

ROOT = Path("/lab/runs/.backends/ray")


def settings(device: str = "cpu", **ray: Any) -> RaySettings:
    return job_settings(job_json(device=device, ray=ray), ROOT, "k" * 64)


def test_a_job_that_says_nothing_asks_for_one_cpu() -> None:
    assert settings() == RaySettings(cpus=1, python=sys.executable, note="k" * 64)


def test_what_a_job_says_is_asked_for() -> None:
    asked = settings(
        "cuda",
        address="http://head:8265/",
        cpus=4,
        gpus=0.5,
        memory="8g",
        resources={"accelerator_type:A100": 0.001},
        folder="scratch",
        python="/opt/venv/bin/python",
    )
    assert asked == RaySettings(
        address="http://head:8265",
        cpus=4,
        gpus=0.5,
        memory=8 << 30,
        resources={"accelerator_type:A100": 0.001},
        folder=Path("/lab/scratch").absolute(),
        python="/opt/venv/bin/python",
        note="k" * 64,
    )


def test_a_job_that_was_packaged_before_its_folder_was_called_so_has_it_all_the_same() -> None:
    assert settings(storage="scratch") == settings(folder="scratch")
    assert settings(storage=None) == settings()


def test_the_memory_of_a_session_is_what_is_asked_for() -> None:
    assert backend_entry("ray").memory(job_json(ray={"memory": "2g"})) == 2 << 30
    assert backend_entry("ray").memory(job_json()) is None


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"address": "head:6379"}, "must be the address of a Ray dashboard, such as http://head:8265"),
        ({"address": "http://user:word@head:8265"}, "must be the address of a Ray dashboard"),
        ({"cpus": 0}, "must be"),
        ({"gpus": 1.5}, "must be a part of one GPU, such as 0.5, or whole ones"),
        ({"resources": {"GPU": 1}}, "write it as ray.gpus"),
        ({"resources": {"a b": 1}}, "must be names of resources"),
        ({"folder": "s3://bucket/relay"}, "must be a folder that all nodes see: mount what is at that address"),
        ({"folder": "a\nb"}, "must be a path on one line"),
        ({"adress": "http://head:8265"}, "adress"),
    ],
)
def test_what_cannot_be_asked_for_is_named(stated: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidJobError) as refused:
        job_json(ray=stated)
    assert said in " ".join(map(str, refused.value.problems))


def test_a_gpu_has_to_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ask Ray for no GPU; set `ray: \{gpus: 1\}`"):
        settings("cuda")
    with RayBackend(tmp_path / "runs" / ".backends" / "ray") as backend, pytest.raises(InputError, match="for no GPU"):
        backend.provisions(job_json(device="cuda"), None)


def test_whoever_reads_jobs_or_opens_the_backend_needs_no_ray() -> None:
    program = (
        "import sys; import runner.backends.ray.backend, runner.backends.ray.health; sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
