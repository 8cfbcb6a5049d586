"""What a session is given is read whole, or refused in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import SessionError
from contract.storage import files, layout
from tests.trainer.conftest import job_values
from trainer.session_input import read_session_input

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.conftest import Relay


@pytest.fixture
def folder(relay: Relay) -> Path:
    return relay.input(job_values())


def test_an_input_names_job_request_and_key(folder: Path) -> None:
    given = read_session_input(folder)
    assert given.job.name == given.request.job == "balance"
    assert given.key == files.read_json(folder / layout.PAYLOAD_FILE)["key"]
    assert given.request.parent is None
    assert {given.parent_checkpoint, given.parent_best_model} == {
        folder / "parent_checkpoint.bundle",
        folder / "parent_best_model.bundle",
    }


@pytest.mark.parametrize("name", [layout.JOB_FILE, layout.REQUEST_FILE, layout.PAYLOAD_FILE])
@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]", b"{}", b'{"format": 1, "surprise": 1}'])
def test_an_input_that_cannot_be_read_is_refused(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(SessionError) as caught:
        read_session_input(folder)
    assert caught.value.subject == str(folder)
    assert caught.value.problem.startswith("is not a session's input: ")
    assert caught.value.remedy == "run the same command again"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": 2}, "format"),
        ({"session": "1"}, "session"),
        ({"lineage": 0}, "lineage"),
        ({"goal": "100"}, "goal"),
        ({"profile": "huge"}, "profile"),
        ({"parent": {"session": "0001", "timesteps": 5, "sha256": "abc"}}, "sha256"),
        ({"parent": {"session": "0001", "timesteps": 5}}, "sha256"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_a_request_of_another_form_is_refused(folder: Path, changes: dict[str, Any], why: str) -> None:
    request = files.read_json(folder / layout.REQUEST_FILE)
    files.write_json(folder / layout.REQUEST_FILE, request | changes)
    with pytest.raises(SessionError, match=why):
        read_session_input(folder)


def test_a_job_that_cannot_be_names_its_key(folder: Path) -> None:
    files.write_json(folder / layout.JOB_FILE, job_values(seed=-1))
    with pytest.raises(SessionError, match="seed: must be at least 0, found -1"):
        read_session_input(folder)
