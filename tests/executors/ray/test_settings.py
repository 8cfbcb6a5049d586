"""What a script asks of Ray, and what is kept of it."""

from __future__ import annotations

import json

from executors.ray.cluster import entrypoint, stated_address
from executors.ray.settings import RaySettings, Submission

ADDRESS = "http://head:8265"


def test_a_request_is_kept_as_it_was_made() -> None:
    settings = RaySettings(cpus=4, gpus=0.5, memory=8 << 30, resources={"a100": 1}, python="/opt/python", note="key")
    request = Submission.made(settings, ADDRESS)
    assert Submission.read(json.loads(json.dumps(request.document()))) == request
    assert request.needs() == {"CPU": 4, "GPU": 0.5, "memory": float(8 << 30), "a100": 1}
    assert Submission.made(RaySettings(), ADDRESS).needs() == {"CPU": 1}


def test_a_job_that_is_handed_in_again_has_a_name_of_its_own() -> None:
    request = Submission.made(RaySettings(), ADDRESS).document()
    names = [Submission.read(request | {"attempt": attempt}).submission_id("relay-a") for attempt in (1, 2, 3)]
    assert names == ["relay-a", "relay-a-2", "relay-a-3"]


def test_rays_own_variables_go_before_what_a_job_says() -> None:
    assert stated_address(ADDRESS, {}) == ADDRESS
    assert stated_address(None, {"RAY_ADDRESS": ""}) is None
    assert stated_address(ADDRESS, {"RAY_ADDRESS": "http://other:8265"}) == "http://other:8265"
    assert stated_address(None, {"RAY_ADDRESS": "auto", "RAY_API_SERVER_ADDRESS": ADDRESS}) == ADDRESS


def test_a_path_with_spaces_and_quotes_stays_one_word() -> None:
    command = entrypoint(["/opt/a python", "/s/it's/run.py"], "/s/it's/log.txt")
    assert command == """exec '/opt/a python' '/s/it'"'"'s/run.py' >>'/s/it'"'"'s/log.txt' 2>&1 </dev/null"""
