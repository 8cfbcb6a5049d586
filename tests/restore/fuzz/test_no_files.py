"""Links, pipes, folders and endless files in the place of a session's files are refused, not followed or waited for."""

from __future__ import annotations

import itertools
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from contract.storage import layout
from restore.validation import MAX_DOCUMENT_BYTES
from tests.restore.fuzz.download import CHECKPOINT, MANIFEST, METADATA, Download, findings
from tests.restore.fuzz.guard import MOST_MEMORY, NAME
from tests.restore.fuzz.signing import Sound, signed

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard

FILES = (layout.METADATA_FILE, layout.MANIFEST_FILE, CHECKPOINT)
NEED_RIGHTS = "links and pipes need rights there"
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason=NEED_RIGHTS)


@pytest.mark.parametrize("size", [0, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_BYTES + 1, 1 << 40])
def test_documents_of_nothing_but_zeros(guard: Guard, size: int) -> None:
    download = Download(guard)
    for name in (layout.METADATA_FILE, layout.MANIFEST_FILE):
        with (guard.artifacts / name).open("wb") as stream:
            stream.truncate(size)
    report = download.judge(MOST_MEMORY)
    assert (report.metadata.verdict, report.checkpoints) == ("refused", [])


@pytest.mark.parametrize("size", [0, 1 << 20, 1 << 40])
def test_a_checkpoint_of_nothing_but_zeros(guard: Guard, size: int) -> None:
    download = Download(guard)
    download.put(CHECKPOINT, b"")
    with (guard.artifacts / "checkpoints" / NAME).open("wb") as stream:
        stream.truncate(size)
    assert [finding.verdict for finding in download.judge(MOST_MEMORY).checkpoints] == ["refused"]


@ON_POSIX
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *itertools.product(FILES, ["link to a folder", "link to nothing", "link to itself", "folder"]),
        (layout.METADATA_FILE, "link"),
        (layout.MANIFEST_FILE, "link"),
        (CHECKPOINT, "link"),
    ],
)
def test_what_is_no_plain_file_is_refused(guard: Guard, sound: dict[str, Sound], name: str, kind: str) -> None:
    download = Download(guard)
    whole = {
        layout.METADATA_FILE: json.dumps(METADATA).encode(),
        layout.MANIFEST_FILE: json.dumps(MANIFEST).encode(),
        CHECKPOINT: signed(sound["PPO"], replay=None).pack(),
    }
    download.put(name, whole[name])
    path, beside = guard.artifacts / name, guard.artifacts / "beside"
    path.rename(beside)
    if kind == "folder":
        path.mkdir()
    else:
        targets = {"link": beside, "link to a folder": guard.artifacts, "link to nothing": guard.artifacts / "nothing"}
        path.symlink_to(targets.get(kind, path))
    report = download.judge()
    promised = report.checkpoints if name == layout.MANIFEST_FILE else []
    assert promised == []
    assert "sound" not in {finding.verdict for finding in findings(report)}


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "name",
    [
        layout.METADATA_FILE,
        layout.MANIFEST_FILE,
        CHECKPOINT,
    ],
)
def test_a_pipe_is_not_waited_for(guard: Guard, name: str) -> None:
    if sys.platform == "win32":
        pytest.skip(NEED_RIGHTS)
    download = Download(guard)
    download.put(name, b"")
    (guard.artifacts / name).unlink()
    os.mkfifo(guard.artifacts / name)
    assert "sound" not in {finding.verdict for finding in findings(download.judge())}
