"""What a session's script says of its package: all that its documents in `runs/` can be made from again, anywhere.

It is a comment at the script's end, which the key does not cover: it is held against what the key does.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from contract.documents.runs import Package, Request
from contract.documents.typed_json import FORMAT
from contract.identity import training_inputs
from contract.storage import files, layout

_MARK = "# relay-package: "


class Record(NamedTuple):
    """What was packaged, and the bytes of both documents as they stood in the session's folder."""

    request: Request
    package: Package
    request_json: bytes
    package_json: bytes


def record_line(request: Request, package: Package) -> str:
    """The line by which a script tells of its package."""
    told = {"format": FORMAT, "request": msgspec.to_builtins(request), "package": msgspec.to_builtins(package)}
    return f"{_MARK}{json.dumps(told, sort_keys=True, separators=(',', ':'))}\n"


def read_record(script: str) -> Record | None:
    """What a script tells of its package, None where it tells nothing, or what its key does not bear out."""
    lines = [line.removeprefix(_MARK) for line in script.splitlines() if line.startswith(_MARK)]
    if len(lines) != 1:
        return None
    try:
        told = json.loads(lines[0])
        request, package = msgspec.convert(told["request"], Request), msgspec.convert(told["package"], Package)
        documents = files.readable_json(told["request"]), files.readable_json(told["package"])
        is_borne_out = told["format"] == FORMAT and _is_borne_out(package, told, documents[0], script)
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return Record(request, package, *documents) if is_borne_out else None


def _is_borne_out(package: Package, told: dict[str, Any], request_json: bytes, script: str) -> bool:
    """Whether it all follows from the key that the script states: what it lists, the job and the request."""
    from job.model import session_part  # noqa: PLC0415 - it imports pydantic

    listed = package.files
    job_json = files.readable_json(session_part(told["package"]["job"]))
    return (
        package.key == layout.stated_key(script)
        and files.sha256_of_value(told["package"]["files"]) == package.key
        and listed[layout.REQUEST_FILE].sha256 == files.sha256_of_bytes(request_json)
        and listed[layout.JOB_FILE].sha256 == files.sha256_of_bytes(job_json)
        and package.inputs.training == training_inputs(package.job)
    )
