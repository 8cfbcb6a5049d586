"""Documents of a known format: what another version wrote is not read as if it were ours."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contract.documents.session import FileEntry, Manifest, Parent, Payload, Request, ResumeVerdict

DIGEST = "0123456789abcdef" * 4
REQUEST = {"job": "a", "lineage": 1, "session": "0001", "profile": "quick", "goal": 0, "parent": None}


def test_a_request_is_read_back_from_its_json() -> None:
    parent = Parent(session="0001", timesteps=5, sha256=DIGEST)
    request = Request.model_validate({**REQUEST, "parent": parent})
    assert Request.model_validate_json(request.model_dump_json()) == request
    assert request.model_dump(mode="json")["format"] == 1


@pytest.mark.parametrize("number", ["0001", "9999", "12345"])
def test_sessions_are_numbered_with_four_digits_at_least(number: str) -> None:
    assert Request.model_validate({**REQUEST, "session": number}).session == number


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": "1"},
        {"extra": None},
        {"session": "001"},
        {"session": "000a"},
        {"goal": -1},
        {"goal": 1.0},
        {"goal": True},
        {"lineage": 0},
        {"profile": "Full"},
        {"parent": {"session": "0001", "timesteps": 5, "sha256": DIGEST, "extra": 1}},
    ],
)
def test_another_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Request.model_validate({**REQUEST, **changes})


@pytest.mark.parametrize("digest", ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), f"{DIGEST[:-1]}\n", "g" * 64])
def test_a_digest_is_64_hexadecimal_digits(digest: str) -> None:
    with pytest.raises(ValidationError):
        FileEntry(bytes=1, sha256=digest)


@pytest.mark.parametrize("kind", [Manifest, Payload])
def test_files_are_listed_with_size_and_digest(kind: type[Manifest | Payload]) -> None:
    files = {"checkpoints/a.zip": {"bytes": 5, "sha256": DIGEST}}
    document = {"format": 1, "key": DIGEST, "files": files} | ({"complete": True} if kind is Manifest else {})
    assert kind.model_validate(document).files == {"checkpoints/a.zip": FileEntry(bytes=5, sha256=DIGEST)}
    for wrong in ({"bytes": -1}, {"bytes": "5"}, {"bytes": None}, {"mtime": 0}):
        broken = {"a": {**files["checkpoints/a.zip"], **wrong}}
        with pytest.raises(ValidationError):
            kind.model_validate(document | {"files": broken})


def test_a_verdict_does_not_change_once_given() -> None:
    verdict = ResumeVerdict(exact=True)
    with pytest.raises(ValidationError):
        verdict.exact = False  # type: ignore[misc] # that is what must fail
