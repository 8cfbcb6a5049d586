"""What of a package goes into the dataset, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.documents.runs import Manifest, Request
from contract.errors import BackendError
from contract.storage import files, layout
from runner.backends.kaggle.files.sent import Sent
from runner.layout import SessionFolder
from runner.stages import session_script

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

CARRIED_FROM_BYTES = 1 << 16
"""A smaller file is sent, even where Kaggle has it: that is quicker than to look for it there."""
MOST_FILES = 50
"""At the top level of a dataset: https://www.kaggle.com/docs/datasets."""
PACK_BYTES = 1 << 30
_MARK_LENGTH = 32


def replay_files(folder: SessionFolder, metadata: Mapping[str, Any]) -> dict[str, Path]:
    """The segments of a replay buffer that the session must be sent, by their names in its input, and where they lie.

    None of a package whose script, of an earlier version, looks for packs beside its payload only.
    """
    if f'PACKS_FROM = "{session_script.PACKS_FROM}"' not in folder.script.read_text(encoding="utf-8"):
        return {}
    return {name: folder.payload / name for name in _to_send(folder, metadata) if _is_segment(name)}


def dataset_files(
    folder: SessionFolder,
    metadata: Mapping[str, Any],
    key: str,
    elsewhere: Collection[str] = (),
    most_files: int | None = MOST_FILES,
) -> dict[str, Sent]:
    """What the dataset is to hold, by its name there.

    A dataset takes few files, so that the segments of a replay buffer go in packs; and a file that is
    named after the key tells versions apart. What the session finds in the output of the one before,
    whose kernel it mounts then, is not sent.

    Args:
        folder: the session.
        metadata: what Kaggle is told of its kernel.
        key: the session's.
        elsewhere: files that it finds in other datasets.
        most_files: that the dataset takes, None for any number.

    Raises:
        BackendError: two files would have one name, or there are more than Kaggle takes.
    """
    chosen = {layout.PAYLOAD_FILE: Sent((folder.payload / layout.PAYLOAD_FILE,))}
    chosen[f"{key[:_MARK_LENGTH]}.key"] = Sent((f"{key}\n".encode(),))
    packed = {}
    can_unpack = layout.PACK_SUFFIX in folder.script.read_text(encoding="utf-8")
    for name in _to_send(folder, metadata):
        if name in elsewhere:
            continue
        path = folder.payload / name
        if can_unpack and _is_segment(name):
            packed[name] = path
            continue
        flat = name.rpartition("/")[2]
        if flat in chosen:
            raise BackendError(str(folder.payload), f"holds two files called {flat}", "rename one")
        chosen[flat] = Sent((path,))
    chosen |= packed_by_size(packed)
    if most_files is not None and len(chosen) > most_files:
        problem = f"are {len(chosen)} files, and Kaggle takes {most_files} in a dataset"
        raise BackendError(f"the input of session {folder.number}", problem, "lower hyperparameters.buffer_size")
    return chosen


def packed_by_size(
    paths: Mapping[str, Path], most_bytes: int = PACK_BYTES, name: str = layout.REPLAY_FOLDER
) -> dict[str, Sent]:
    """Packs that hold the files at `paths` under their names, in the form that `session_script.open_packs` reads.

    Args:
        paths: where each file lies.
        most_bytes: of a pack; a larger file has one of its own.
        name: how the packs' names begin.
    """
    groups: list[list[str]] = []
    room = 0
    for each, path in sorted(paths.items()):
        size = path.stat().st_size
        if not groups or size > room:
            groups.append([])
            room = most_bytes
        groups[-1].append(each)
        room -= size
    packs = {}
    for number, names in enumerate(groups, start=1):
        listed = [[each, paths[each].stat().st_size] for each in names]
        head = files.canonical_json({"format": 1, "files": listed}) + b"\n"
        packs[f"{name}-{number:04d}{layout.PACK_SUFFIX}"] = Sent((head, *(paths[each] for each in names)))
    return packs


def _is_segment(name: str) -> bool:
    return name.startswith(f"{layout.REPLAY_FOLDER}/")


def _to_send(folder: SessionFolder, metadata: Mapping[str, Any]) -> list[str]:
    """The names of the files of the input that the session does not find in the output of the one before."""
    listed = files.read_json(folder.payload / layout.PAYLOAD_FILE)["files"]
    on_kaggle = _output_of_parent(folder) if metadata["kernel_sources"] else frozenset()
    return [
        name
        for name, entry in listed.items()
        if entry["sha256"] not in on_kaggle or entry["bytes"] < CARRIED_FROM_BYTES
    ]


def _output_of_parent(folder: SessionFolder) -> frozenset[str]:
    """The digests of what the parent session left."""
    parent = Request.read(folder.request).parent
    if parent is None:
        return frozenset()
    manifest = Manifest.read(SessionFolder(folder.path.parent / parent.session).manifest_json)
    return frozenset(entry.sha256 for entry in manifest.files.values())
