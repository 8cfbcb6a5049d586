"""The package stage: everything that a session needs, in one folder, sealed by its key."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import files, layout
from runner.backends.kaggle.metadata import kernel_metadata
from runner.lineage import FORMAT
from runner.stages import bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.layout import SessionFolder
    from runner.sources import Sources


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
        output_of: the handle on Kaggle of the session that made it, where a new session there finds its output.
    """

    session: str
    timesteps: int
    checkpoint: Path
    sha256: str
    best_model: Path | None
    segments: tuple[Path, ...] = ()
    output_of: str | None = None

    @property
    def size(self) -> int:
        """Bytes of it all."""
        carried = (self.checkpoint, *self.segments, *([self.best_model] if self.best_model else []))
        return sum(path.stat().st_size for path in carried)


def make_package(
    folder: SessionFolder,
    *,
    job: dict[str, Any],
    request: dict[str, Any],
    sources: Sources,
    inputs: dict[str, Any],
    parent: ParentFiles | None,
    bundles: Mapping[str, bytes] | None = None,
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
        bundles: distributions that the machine of the session may lack, by file name.
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
    for name, bundle in (bundles or {}).items():
        files.write_bytes(payload / name, bundle)
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
    files.write_json(
        building / folder.kernel_metadata.name,
        kernel_metadata(job, parent.output_of if parent else None, parent.size if parent else 0),
    )
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
