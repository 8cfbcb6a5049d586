"""The sessions that Kaggle holds of a job: the versions of its kernel, each with the script that states its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import SessionLostError
from contract.storage.layout import stated_key
from runner.backends.base import Held
from runner.backends.kaggle.kernels.kernel import Kernel
from runner.backends.kaggle.kernels.metadata import job_slug, kaggle_section, timeout_seconds
from runner.backends.kaggle.names import Handle
from runner.backends.kaggle.notes import ORIGINAL, Noted, Notes
from runner.record import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from runner.backends.kaggle.api.connection import Connection


def held(connection: Connection, root: Path, job: Mapping[str, Any], known: AbstractSet[str]) -> list[Held]:
    """The sessions of a job that Kaggle holds, oldest first, without those that are known.

    What was noted of each when it was submitted is noted again. A version that somebody started anew on Kaggle's site
    is found by whoever watches the first.

    Args:
        connection: to Kaggle.
        root: of the backend's notes.
        job: as JSON.
        known: handles.

    Raises:
        BackendError: Kaggle gives no answer, or refuses.
    """
    slug = job_slug(job)
    kernel, notes = Kernel(connection, slug), Notes(root)
    latest = kernel.latest()
    there = [parsed for parsed in map(_parsed, known) if parsed is not None and parsed.slug == slug]
    versions, keys = {each.version for each in there}, {each.key for each in there}
    found = []
    for version in range(1, latest[0] + 1 if latest is not None else 1):
        script = kernel.script(version) if version not in versions else None
        key = stated_key(script or "")
        if script is None or key is None or key in keys:
            continue
        keys.add(key)
        if (record := read_record(script)) is not None:
            packaged, parent = record.package.job, record.request.parent
            is_first = parent is None and kaggle_section(packaged).image == ORIGINAL
            limit = timeout_seconds(float(packaged["session_limit"]))
            notes.note_again(key, Noted(slug, limit, is_first, mounts=parent is not None))
        found.append(Held(str(Handle(slug, version, key)), version, script))
    return found


def _parsed(handle: str) -> Handle | None:
    try:
        return Handle.parse(handle)
    except SessionLostError:  # of another backend
        return None
