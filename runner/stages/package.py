"""The package stage: everything that a session needs, in one folder, sealed by its key."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from contract.documents.runs import FileEntry, Package
from contract.documents.typed_json import FORMAT
from contract.errors import BackendError
from contract.storage import files, layout
from contract.storage.confinement import Strictness, confined
from runner.record import record_line
from runner.stages import session_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contract.documents.runs import Inputs, Request
    from runner.backends.base import Provisions
    from runner.layout import SessionFolder
    from runner.sources import Sources
    from runner.stages.parent import ParentFiles


def package(
    folder: SessionFolder,
    *,
    job: dict[str, Any],
    request: Request,
    sources: Sources,
    inputs: Inputs,
    parent: ParentFiles | None,
    provisions: Provisions | None = None,
) -> None:
    """Write `request.json`, `package/` and, last, `package.json`, which seals them.

    Equal arguments give equal bytes. A sealed package is left as it is.

    Args:
        folder: the session.
        job: the job with its profile applied, as JSON.
        request: what the session is asked for.
        sources: the files that it carries.
        inputs: what its weights follow from.
        parent: what it goes on from.
        provisions: what its backend needs beyond that.

    Raises:
        BackendError: a file of the backend's would stand in the way of another.
    """
    from job.model import session_part  # noqa: PLC0415 - it imports pydantic

    if folder.package_json.exists():
        return
    request.write(folder.request)
    building = folder.path / "package.building"
    for leftover in (building, folder.package):
        shutil.rmtree(leftover, ignore_errors=True)
    payload = building / folder.payload.name
    payload.mkdir(parents=True)
    limit = provisions.session_limit if provisions is not None else None
    files.write_json(payload / layout.JOB_FILE, session_part(job if limit is None else {**job, "session_limit": limit}))
    request.write(payload / layout.REQUEST_FILE)
    files.write_bytes(payload / layout.SOURCES_BUNDLE, sources.bundle())
    if parent is not None:
        shutil.copyfile(parent.checkpoint, payload / layout.PARENT_CHECKPOINT)
        if parent.best_model is not None:
            shutil.copyfile(parent.best_model, payload / layout.PARENT_BEST_MODEL)
        for segment in parent.segments:
            files.link_or_copy(segment, payload / layout.REPLAY_FOLDER / segment.name)
    if provisions is not None:
        _add(provisions.payload, payload)
    listed = entries_below(payload, digest_is_name_in=payload / layout.REPLAY_FOLDER)
    as_json = msgspec.to_builtins(listed)
    key = files.sha256_of_value(as_json)
    files.write_json(payload / layout.PAYLOAD_FILE, {"format": FORMAT, "key": key, "files": as_json})
    files.write_json(building / folder.sources_table.name, sources.table())
    sealed = Package(key=key, job=job, inputs=inputs, files=listed)
    files.write_bytes(building / folder.script.name, f"{keyed_script(key)}{record_line(request, sealed)}".encode())
    if provisions is not None:
        _add(provisions.beside, building)
    building.rename(folder.package)
    files.fsync_directory(folder.path)
    sealed.write(folder.package_json)


def _add(provided: Mapping[str, bytes], folder: Path) -> None:
    for name, content in provided.items():
        if Path(name).name != name or (folder / name).exists():
            raise BackendError(f"file {name}", "cannot be what a backend adds to a package", "correct the backend")
        files.write_bytes(folder / name, content)


def entries_below(folder: Path, digest_is_name_in: Path | None = None) -> dict[str, FileEntry]:
    """Size and sha256 of every file below `folder`, by its path with forward slashes; of those whose name is text.

    Args:
        folder: the files.
        digest_is_name_in: a folder of replay segments that were read a moment ago and need not be again;
            what came of them on the way is found where the session checks its input.
    """
    return {
        path.relative_to(folder).as_posix(): FileEntry(
            bytes=path.stat().st_size,
            sha256=path.stem if path.parent == digest_is_name_in else files.sha256_of_file(path),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and confined(path.relative_to(folder).as_posix(), Strictness.NO_SYSTEM) is not None
    }


def keyed_script(key: str) -> str:
    """The script that starts the session with `key`."""
    text = Path(session_script.__file__).read_text(encoding="utf-8")
    return text.replace(layout.key_line(""), layout.key_line(key), 1)
