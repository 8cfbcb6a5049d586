"""What becomes of answers that are none of a Ray cluster's; without one."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import pytest

from contract.errors import BackendError, BackendUnreachableError, CredentialsError, UnavailableError
from executors.ray import cluster
from executors.ray.cluster import RayCluster
from executors.ray.words import RayJob
from tests.ray_cluster import NO_RAY, is_installed
from tests.ray_dashboard import ALIVE, NODE, VERSION, dashboard, listed

NEEDS_RAY = pytest.mark.skipif(not is_installed(), reason=NO_RAY)


def test_a_machine_without_ray_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)  # as if it were not installed
    with pytest.raises(UnavailableError) as told:
        RayCluster("http://127.0.0.1:9")
    assert str(told.value) == (
        'Ray: is needed, and not installed here; run `pip install "kaggle-relay[ray]"`, or `pip install "ray[default]"`'
    )


@NEEDS_RAY
def test_a_cluster_that_does_not_answer_says_nothing_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BackendUnreachableError, match=rf"the cluster at {address} gives no answer \(Failed to"):
            RayCluster(address)  # nobody listens
        silent.listen()
        with pytest.raises(BackendUnreachableError, match=r"gives no answer \(.*timed out"):
            RayCluster(address)  # somebody does, and says nothing


@NEEDS_RAY
def test_the_address_that_was_asked_for_is_asked_whatever_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:9")
    path = list(sys.path)
    with dashboard({"/api/version": (200, VERSION)}) as address:
        there = RayCluster(f"{address}/")
        assert there.address == address
        assert there.versions()[0] == "2.60.0"
        assert there.known_job("relay-a") is None
        there.stop("relay-a")  # it is not there, so there is nothing to do
    assert os.environ["RAY_ADDRESS"] == "http://127.0.0.1:9"
    assert sys.path == path


@NEEDS_RAY
@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ({}, BackendError, "Version check returned 404.*; install the Ray here that the cluster has, or correct ray.a"),
        ({"/api/version": (200, VERSION | {"ray_version": "1.8"})}, BackendError, "Ray version 1.8 is running on the"),
        ({"/api/version": (200, "<html>")}, BackendError, "says is not understood"),
        ({"/api/version": (502, "")}, BackendUnreachableError, "gives no answer"),
        ({"/api/version": (401, "no token")}, CredentialsError, "refuses you .*; set RAY_AUTH_MODE=token"),
    ],
)
def test_what_answers_otherwise_is_one_sentence(answers: dict[str, Any], error: type[BackendError], said: str) -> None:
    with dashboard(answers) as address, pytest.raises(error, match=said) as told:
        RayCluster(address)
    assert type(told.value) is error


@NEEDS_RAY
@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((500, "a traceback\nOSError: no room"), BackendUnreachableError, r"gives no answer \(OSError: no room\)"),
        ((200, {"status": "MOONING", "type": 7}), BackendError, "says is not understood"),
    ],
)
def test_an_answer_about_a_job_that_says_nothing_ends_nothing(
    answer: tuple[int, Any], error: type[BackendError], said: str
) -> None:
    with dashboard({"/api/version": (200, VERSION), "/api/jobs/relay-a": answer}) as address:
        there = RayCluster(address)
        with pytest.raises(error, match=said) as told:
            there.known_job("relay-a")
    assert type(told.value) is error


@NEEDS_RAY
@pytest.mark.parametrize(
    ("nodes", "is_gone"),
    [
        ([ALIVE | {"state": "DEAD", "resources_total": {}}], True),
        ([ALIVE], False),
        (None, False),  # where nobody tells of nodes, Ray's word for the job stands
    ],
)
def test_what_is_known_of_its_node_is_told_with_a_job_that_runs(
    nodes: list[dict[str, Any]] | None, is_gone: bool
) -> None:
    job = {"type": "SUBMISSION", "status": "RUNNING", "entrypoint": "", "driver_node_id": NODE}
    answers: dict[str, tuple[int, Any]] = {"/api/version": (200, VERSION), "/api/jobs/relay-a": (200, job)}
    if nodes is not None:
        answers["/api/v0/nodes"] = listed(*nodes)
    with dashboard(answers) as address:
        assert RayCluster(address).known_job("relay-a") == RayJob("relay-a", "RUNNING", is_node_gone=is_gone)
