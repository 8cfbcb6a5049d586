"""A job added to jobs.yaml, in which everything else stays as it is, comments too."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import yaml

from contract.errors import InputError
from contract.storage import files
from runner.jobs.yaml_positions import read_yaml
from runner.layout import JOBS_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WIDTH = 100


def add_job(jobs_file: Path, name: str, text: str, by_hand: str) -> None:
    """Write a job below the others.

    Args:
        jobs_file: the file, which is made where there is none.
        name: of the job.
        text: the job, indented as it stands below `jobs:`.
        by_hand: what a user may do where this cannot.

    Raises:
        InputError: there is a job of that name, or the file is written in a way that leaves no place for it.
    """
    files.write_bytes(jobs_file, with_job(jobs_file, name, text, by_hand).encode())


def with_job(jobs_file: Path, name: str, text: str, by_hand: str) -> str:
    """The file with the job after the others, as `add_job` writes it."""
    try:
        before = jobs_file.read_bytes().decode()
    except FileNotFoundError:
        return f"jobs:\n{text}"
    values, lines = read_yaml(before.encode(), JOBS_FILE)
    if not isinstance(values, dict) or not isinstance(values.get("jobs"), dict):
        raise InputError(JOBS_FILE, "has no jobs, so that none can be added to them", by_hand)
    if name in values["jobs"]:
        raise InputError(JOBS_FILE, f"has a job {name} already", f"rename it, or {by_hand}")
    further = [lines[(key,)] for key in values if lines[(key,)] > lines["jobs",]]
    head, tail = _parted(before, min(further, default=None))
    after = f"{head.rstrip()}\n{text}" + (f"\n{tail}" if tail else "")
    expected = {**values, "jobs": {**values["jobs"], name: _job(text, name)}}
    if _values(after) != expected:
        raise InputError(JOBS_FILE, "is indented otherwise than by two spaces", by_hand)
    return after


def _values(text: str) -> object:
    """What a file says, None where it cannot be read."""
    with contextlib.suppress(InputError):
        return read_yaml(text.encode(), JOBS_FILE).values
    return None


def _parted(text: str, line: int | None) -> tuple[str, str]:
    """A file up to the comments above the key that stands in a line, and from there on."""
    if line is None:
        return text, ""
    lines = text.splitlines(keepends=True)
    begins = line - 1
    while begins and lines[begins - 1].startswith("#"):
        begins -= 1
    return "".join(lines[:begins]), "".join(lines[begins:])


def _job(text: str, name: str) -> object:
    return read_yaml(f"jobs:\n{text}".encode(), JOBS_FILE).values["jobs"][name]


def in_blocks(values: Mapping[str, Any]) -> str:
    """Plain data as people write jobs: blocks, with lists in one line."""
    written: str = yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return written


class _Dumper(yaml.SafeDumper):
    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:  # noqa: ARG002 - PyYAML's
        return super().represent_sequence(tag, sequence, flow_style=True)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's
        return True
