"""Reads what Weights & Biases keeps of a run on this machine: records in the blocks of LevelDB's log."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE_HEADER, _BLOCK = 7, 32 << 10
_HEADER = struct.Struct("<IHB")
_WHOLE, _LAST = 1, 4


class KeptRun(NamedTuple):
    """A run as it will be uploaded: its id, its rows in order, and its configuration."""

    id: str
    name: str
    project: str
    rows: list[dict[str, Any]]
    config: dict[str, Any]
    is_finished: bool


def read_run(folder: Path) -> KeptRun:
    """The run in a folder of `wandb`'s."""
    from wandb.proto.wandb_internal_pb2 import Record  # noqa: PLC0415 - may not be here

    (path,) = folder.glob("*.wandb")
    rows, config, finished, run = list[dict[str, Any]](), dict[str, Any](), False, Record().run
    for content in _records(path.read_bytes()):
        record = Record.FromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            config |= {each.key: json.loads(each.value_json) for each in run.config.update}
        elif kind == "history":
            rows.append({each.key or each.nested_key[0]: json.loads(each.value_json) for each in record.history.item})
        elif kind == "config":
            config |= {each.key or each.nested_key[0]: json.loads(each.value_json) for each in record.config.update}
        finished = finished or kind == "exit"
    return KeptRun(run.run_id, run.display_name, run.project, rows, config, finished)


def _records(content: bytes) -> Iterator[bytes]:
    at, parts = _FILE_HEADER, b""
    while at + _HEADER.size <= len(content):
        if (left := _BLOCK - at % _BLOCK) < _HEADER.size:
            at += left
            continue
        _, length, kind = _HEADER.unpack_from(content, at)
        parts += content[at + _HEADER.size : at + _HEADER.size + length]
        at += _HEADER.size + length
        if kind in (_WHOLE, _LAST):
            yield parts
            parts = b""
