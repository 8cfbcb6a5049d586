"""The package stage: everything that a session needs, in one folder, sealed by its key."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import bootstrap
from runner.lineage import FORMAT
from trainer import files, layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.layout import SessionFolder
    from runner.sources import Sources

_SLUG_LENGTH = 50
"""What Kaggle allows, for kernels as for datasets."""


@dataclass(frozen=True)
class ParentFiles:
    """A checkpoint to go on from, and the best model so far, where they lie.

    Args:
        session: the session that made the checkpoint, as `0001`.
        timesteps: where it stands.
        checkpoint: the file, whose digest was checked.
        sha256: that digest.
        best_model: the best model so far, or None.
        segments: the files of its replay buffer, each compared with the digest in its name just now.
    """

    session: str
    timesteps: int
    checkpoint: Path
    sha256: str
    best_model: Path | None
    segments: tuple[Path, ...] = ()


def make_package(
    folder: SessionFolder,
    *,
    job: dict[str, Any],
    request: dict[str, Any],
    sources: Sources,
    inputs: dict[str, Any],
    parent: ParentFiles | None,
) -> None:
    """Write `request.json`, `package/` and, last, `package.json`, which seals them.

    Equal arguments give equal bytes. A sealed package is left as it is.

    Args:
        folder: the session.
        job: the job with its profile applied, as JSON.
        request: what the session is asked for, as JSON.
        sources: the files that it carries.
        inputs: what makes it stale when it changes, as JSON.
        parent: what it goes on from.
    """
    if folder.package_json.exists():
        return
    files.write_json(folder.request, request)
    building = folder.path / "package.building"
    for leftover in (building, folder.package):
        shutil.rmtree(leftover, ignore_errors=True)
    payload = building / folder.payload.name
    payload.mkdir(parents=True)
    files.write_json(payload / layout.JOB_FILE, job)
    files.write_json(payload / layout.REQUEST_FILE, request)
    files.write_bytes(payload / layout.SOURCES_BUNDLE, sources.bundle())
    if parent is not None:
        shutil.copyfile(parent.checkpoint, payload / layout.PARENT_CHECKPOINT)
        if parent.best_model is not None:
            shutil.copyfile(parent.best_model, payload / layout.PARENT_BEST_MODEL)
        for segment in parent.segments:
            files.link_or_copy(segment, payload / layout.REPLAY_FOLDER / segment.name)
    listed = entries_below(payload, digest_is_name_in=payload / layout.REPLAY_FOLDER)
    key = files.sha256_of_value(listed)
    files.write_json(payload / layout.PAYLOAD_FILE, {"format": FORMAT, "key": key, "files": listed})
    files.write_json(building / folder.sources_table.name, sources.table())
    files.write_json(building / folder.kernel_metadata.name, kernel_metadata(request, key))
    files.write_bytes(building / folder.script.name, session_script(key).encode())
    building.rename(folder.package)
    files.fsync_directory(folder.path)
    sealed = {"format": FORMAT, "key": key, "job": job, "inputs": inputs, "files": listed}
    files.write_json(folder.package_json, sealed)


def entries_below(folder: Path, digest_is_name_in: Path | None = None) -> dict[str, dict[str, Any]]:
    """Size and sha256 of every file below `folder`, by its path with forward slashes.

    Args:
        folder: the files.
        digest_is_name_in: a folder of replay segments that were read a moment ago and need not be again;
            what came of them on the way is found where the session checks its input.
    """
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": path.stem if path.parent == digest_is_name_in else files.sha256_of_file(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def session_script(key: str) -> str:
    """The script that starts the session with `key`."""
    text = Path(bootstrap.__file__).read_text(encoding="utf-8")
    return text.replace('KEY = ""', f'KEY = "{key}"', 1)


def kernel_metadata(request: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What Kaggle's client wants beside the script; the account's name is added when it is pushed.

    Every field is set on purpose: the client would turn the internet on, and Kaggle would pick a
    P100, which current torch builds cannot use
    (https://github.com/Kaggle/kaggle-api/blob/main/docs/kernels_metadata.md).
    """
    slug = f"relay-{request['job']}".replace("_", "-")[:_SLUG_LENGTH].rstrip("-")
    ending = f"-{key[:8]}"
    return {
        "id": slug,
        "title": slug,
        "code_file": "script.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "enable_internet": False,
        "machine_shape": "NvidiaTeslaT4",
        "dataset_sources": [slug[: _SLUG_LENGTH - len(ending)].rstrip("-") + ending],
        "competition_sources": [],
        "kernel_sources": [],
        "model_sources": [],
        "keywords": [],
    }
