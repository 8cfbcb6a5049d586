"""What Ray says, as values and in words."""

from __future__ import annotations

import pytest

from executors.ray.words import (
    GAVE_UP_WAITING,
    NODE_DIED,
    RayJob,
    amounts,
    ended_words,
    is_answer,
    is_refusal,
    is_taken,
    is_unknown,
    refusal,
    waiting_words,
)

SANDBOX = "/storage/one"
TAKEN = """Request failed with status code 400: Traceback (most recent call last):
  File "job_manager.py", line 553, in submit_job
    raise ValueError(
ValueError: Job with submission_id relay-a already exists. Please use a different submission_id.
."""


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({}, "room"),
        ({"CPU": 1.0}, "1 CPU"),
        ({"CPU": 4, "GPU": 0.5, "memory": float(8 << 30), "a100": 1}, "4 CPU, 0.5 GPU, 8 GiB of memory and 1 a100"),
    ],
)
def test_what_a_job_needs_is_said_in_words(needs: dict[str, float], words: str) -> None:
    assert amounts(needs) == words
    job = RayJob("relay-a", "PENDING")
    assert waiting_words(job, needs) == f"job relay-a waits until a node of the Ray cluster has {words} free"


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "A_STATE_OF_LATER_VERSIONS"])
def test_what_is_none_of_rays_ends_is_not_over(state: str) -> None:
    assert not RayJob("relay-a", state).is_over


def test_each_end_is_a_sentence() -> None:
    def said(state: str, error: str | None = None, *, message: str = "", is_gone: bool = False) -> str:
        job = RayJob("relay-a", state, error, message, is_gone)
        return ended_words(job, SANDBOX, "python", has_started=True)

    assert "was stopped by `ray job stop` or an administrator, and did not end by itself" in said("STOPPED")
    assert "ended as its node failed" in said("FAILED", NODE_DIED)
    assert "ended as its node failed" in said("RUNNING", is_gone=True)
    assert said("FAILED", "JOB_ENTRYPOINT_COMMAND_ERROR").endswith("killed, or its process broke down")
    assert said("SUCCEEDED").endswith("the record of that cannot be seen in its sandbox")
    assert said("FAILED", "JOB_SUPERVISOR_ACTOR_START_FAILURE", message="no\nsight").endswith(
        "given up by Ray: no sight"
    )


def test_a_job_that_never_began_says_what_ray_says_of_it() -> None:
    def said(error: str, message: str = "") -> str:
        return ended_words(RayJob("relay-a", "FAILED", error, message), SANDBOX, "python", has_started=False)

    assert said("RUNTIME_ENV_SETUP_FAILURE", "no room").endswith("could not be started: no room")
    assert said(GAVE_UP_WAITING).endswith(f"could not be started: {GAVE_UP_WAITING}")


def test_a_job_that_ended_before_its_session_began_names_the_keys_that_may_be_wrong() -> None:
    job = RayJob("relay-a", "FAILED", "JOB_ENTRYPOINT_COMMAND_ERROR")
    said = ended_words(job, SANDBOX, "/opt/python", has_started=False)
    assert "its node cannot see /storage/one (set ray.folder" in said
    assert "has no /opt/python (set ray.python)" in said
    assert ended_words(RayJob("relay-a", "STOPPED"), SANDBOX, "python", has_started=False).endswith("never began")


def test_a_submission_that_was_made_before_is_told_from_a_refusal() -> None:
    assert is_answer(TAKEN)
    assert is_taken(TAKEN)
    assert not is_unknown(TAKEN)
    refused = "Request failed with status code 400: Traceback\n  File\nValueError: no such label.\n."
    assert is_refusal(refused)
    assert not is_taken(refused)
    assert refusal(refused) == "ValueError: no such label"


def test_an_answer_that_decides_nothing_is_no_refusal() -> None:
    said = "Request failed with status code 500: No available agent to submit job, please try again later.."
    assert is_answer(said)
    assert not is_refusal(said)
    assert refusal(said) == "No available agent to submit job, please try again later"
    assert is_unknown("Request failed with status code 404: Job relay-a does not exist.")
    assert not is_answer("Ray version 1.8 is running on the cluster.")
    assert refusal("Request failed with status code 400: ") == "it does not say why"
