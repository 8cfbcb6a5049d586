"""What `doit doctor` says of a Slurm cluster, and of a job for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner.backends.slurm.health import checks, session_checks
from tests.cluster import running_cluster
from tests.runner.conftest import job_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runner.backends.base import Check
    from tests.cluster import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as there:
        yield there


def of_job(root: Path, **slurm: Any) -> dict[str, Check]:
    return {check.about: check for check in session_checks(root, job_json(session_limit="1h", slurm=slurm))}


def test_a_cluster_that_would_take_the_job_is_well(cluster: Cluster, tmp_path: Path) -> None:
    (check,) = checks()
    assert check.is_well
    assert "main* (up, 1-00:00:00)" in check.finding
    found = of_job(tmp_path / "runs" / ".backends" / "slurm")
    assert all(check.is_well for check in found.values()), found
    assert found["partition main"].finding == "is up, and gives 1-00:00:00 at most"
    assert "to start at" in found["submission"].finding
    assert not cluster.jobs()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("stated", "about", "said"),
    [
        ({"partition": "moon"}, "partition", "moon is not there: set slurm.partition to one of main, high, closed"),
        ({"partition": "closed"}, "partition closed", "is down: wait, or set slurm.partition to another one"),
        ({"time": "48h"}, "partition main", "gives 1-00:00:00 at most, and the job asks for 2880 minutes"),
        ({"gres": "gpu:1"}, "submission", "correct slurm.gres in jobs.yaml"),
        ({"cpus": 999}, "submission", "ask for less under slurm in jobs.yaml"),
    ],
)
def test_what_the_cluster_would_not_take_is_named(
    cluster: Cluster, tmp_path: Path, stated: dict[str, Any], about: str, said: str
) -> None:
    check = of_job(tmp_path / "runs" / ".backends" / "slurm", **stated)[about]
    assert not check.is_well
    assert said in check.finding
    assert not [job for job in cluster.jobs() if "PENDING" in job or "RUNNING" in job]


def test_a_machine_without_slurm_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (check,) = checks()
    assert not check.is_well
    assert "its command sinfo is not on this machine; work on a machine of the cluster" in check.finding
    assert not of_job(tmp_path / "runs" / ".backends" / "slurm")["submission"].is_well
