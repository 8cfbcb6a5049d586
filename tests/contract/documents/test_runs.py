"""What stands in two modules, for the runner's side and for a session, is one document."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.documents import runs as documents
from contract.documents import session as records

if TYPE_CHECKING:
    from pydantic import BaseModel

DIGEST = "0123456789abcdef" * 4
PARENT = {"session": "0001", "timesteps": 5, "sha256": DIGEST}
REQUEST = {"format": 1, "job": "a", "lineage": 2, "session": "0002", "profile": "quick", "goal": 64, "parent": None}
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("Parent", PARENT),
    ("Request", REQUEST),
    ("Request", {**REQUEST, "parent": PARENT, "sources_changed": True, "changes": ["a file", "ein zweiter, größerer"]}),
    ("FileEntry", {"bytes": 5, "sha256": DIGEST}),
    ("ResumeVerdict", {"exact": True}),
    (
        "ResumeVerdict",
        {"exact": False, "reasons": ["its sources changed"], "changes": ["its code changed at 64"]},
    ),
]
OF_ITS_OWN = {"Manifest"}
"""What a session left and what arrived of it are two documents."""


def shared() -> set[str]:
    """The names that both modules define."""
    mine, theirs = (
        {name for name, kind in vars(module).items() if inspect.isclass(kind) and kind.__module__ == module.__name__}
        for module in (documents, records)
    )
    return (mine & theirs) - OF_ITS_OWN


def runner_side(name: str) -> type[msgspec.Struct]:
    kind: type[msgspec.Struct] = getattr(documents, name)
    return kind


def session_side(name: str) -> type[BaseModel]:
    kind: type[BaseModel] = getattr(records, name)
    return kind


def spelled(annotation: object) -> str:
    """A type, wherever its parts are defined."""
    text = repr(annotation)
    for module in ("contract.documents.runs.", "contract.documents.session."):
        text = text.replace(module, "")
    return text


def test_each_such_document_has_an_example_here() -> None:
    assert {name for name, _ in EXAMPLES} == shared()


@pytest.mark.parametrize("name", sorted(shared()))
def test_both_sides_have_the_same_fields_of_the_same_types_and_defaults(name: str) -> None:
    runners = {
        field.encode_name: (spelled(field.type), "needed" if field.required else field.default)
        for field in msgspec.structs.fields(runner_side(name))
    }
    sessions = {
        field_name: (spelled(field.annotation), "needed" if field.is_required() else field.default)
        for field_name, field in session_side(name).model_fields.items()
    }
    if "format" in runners:  # the session reads no other one; the runner's side says which version wrote another
        assert runners.pop("format")[1] == sessions.pop("format")[1]
    assert runners == sessions


@pytest.mark.parametrize(("name", "values"), EXAMPLES)
def test_what_one_side_writes_the_other_reads_and_gives_back(name: str, values: dict[str, Any]) -> None:
    written = msgspec.convert(values, runner_side(name))
    read = session_side(name).model_validate_json(msgspec.json.encode(written))
    assert read == session_side(name).model_validate(values)
    assert msgspec.json.decode(read.model_dump_json(), type=runner_side(name)) == written
    assert msgspec.json.decode(read.model_dump_json()) == msgspec.json.decode(msgspec.json.encode(written))
