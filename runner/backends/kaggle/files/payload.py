"""Which files of a package go into the dataset, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.documents.runs import Manifest, Request
from contract.errors import BackendError
from contract.storage import files, layout
from runner.layout import SessionFolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CARRIED_FROM_BYTES = 1 << 16
"""A smaller file is sent, even where Kaggle has it: that is quicker than to look for it there."""
_MARK_LENGTH = 32


def dataset_files(folder: SessionFolder, metadata: Mapping[str, Any], key: str) -> dict[str, Path]:
    """Where each file of the dataset lies, by its name there.

    Datasets have no folders, so that a replay segment lies beside the rest; and a file that is named
    after the key tells versions apart. What the session finds in the output of the one before, whose
    kernel it mounts then, is not sent.

    Raises:
        BackendError: two files would have one name.
    """
    listed = files.read_json(folder.payload / layout.PAYLOAD_FILE)["files"]
    on_kaggle = _output_of_parent(folder) if metadata["kernel_sources"] else frozenset()
    chosen = {layout.PAYLOAD_FILE: folder.payload / layout.PAYLOAD_FILE}
    chosen[f"{key[:_MARK_LENGTH]}.key"] = folder.payload / layout.PAYLOAD_FILE
    for name, entry in listed.items():
        if entry["sha256"] in on_kaggle and entry["bytes"] >= CARRIED_FROM_BYTES:
            continue
        flat = name.rpartition("/")[2]
        if flat in chosen:
            raise BackendError(str(folder.payload), f"holds two files called {flat}", "rename one")
        chosen[flat] = folder.payload / name
    return chosen


def _output_of_parent(folder: SessionFolder) -> frozenset[str]:
    """The digests of what the parent session left."""
    parent = Request.read(folder.request).parent
    if parent is None:
        return frozenset()
    manifest = Manifest.read(SessionFolder(folder.path.parent / parent.session).manifest_json)
    return frozenset(entry.sha256 for entry in manifest.files.values())
