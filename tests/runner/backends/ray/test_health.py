"""What `doit doctor` says of a Ray cluster, and of a job for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from runner.backends.ray.health import checks, session_checks
from tests.cluster import free_ports
from tests.ray_cluster import NO_RAY, is_installed
from tests.ray_dashboard import ALIVE, VERSION, dashboard, listed
from tests.runner.conftest import job_json

if TYPE_CHECKING:
    from pathlib import Path

    from runner.backends.base import Check

NEEDS_RAY = pytest.mark.skipif(not is_installed(), reason=NO_RAY)
THERE = {"/api/version": (200, VERSION), "/api/v0/nodes": listed(ALIVE, ALIVE | {"state": "DEAD"})}


def found(root: Path, **ray: Any) -> dict[str, Check]:
    return {check.about: check for check in session_checks(root / "runs" / ".backends" / "ray", job_json(ray=ray))}


@NEEDS_RAY
def test_a_cluster_with_a_node_that_could_take_a_session_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dashboard(THERE) as address:
        monkeypatch.setenv("RAY_ADDRESS", address)
        (check,) = checks()
        told = found(tmp_path, cpus=2)
    assert check.finding.startswith(f"answers at {address}: Ray 2.60.0")
    assert all(each.is_well for each in told.values()), told
    assert told["nodes"].finding == "1 of 1 could take a session, which needs 2 CPU"
    assert not list(tmp_path.iterdir())


@NEEDS_RAY
def test_what_no_node_has_is_named(tmp_path: Path) -> None:
    with dashboard(THERE) as address:
        check = found(tmp_path, address=address, gpus=1)["nodes"]
    assert not check.is_well
    assert "none of 1 has 1 CPU and 1 GPU: ask for less under `ray` in jobs.yaml" in check.finding


@NEEDS_RAY
def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path) -> None:
    check = found(tmp_path, address=f"http://127.0.0.1:{free_ports(1)[0]}")["submission"]
    assert not check.is_well
    assert "gives no answer" in check.finding


def test_a_machine_without_ray_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    (check,) = checks()
    assert not check.is_well
    assert "is needed, and not installed here" in check.finding
    assert not found(tmp_path, address="http://head:8265")["submission"].is_well
