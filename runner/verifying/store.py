"""The files that sessions left: whether each still is what it was, all of them or a random share."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contract.documents.session import FileEntry
from contract.errors import CheckpointError
from contract.storage import files
from contract.storage.layout import (
    BEST_MODEL,
    CHECKPOINTS_FOLDER,
    REPLAY_FOLDER,
    Artifacts,
    segment_name,
    timesteps_in_name,
)
from restore.integrity import inspect_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from contract.documents.runs import FileEntry as Listed
    from runner.verifying.sessions import SessionDocuments

_LARGEST_CHECKPOINT = 1 << 40
"""Where no document says what the job allows: by then it was judged, and allowed."""


@dataclass(frozen=True)
class StoredFile:
    """A file that came back of a session.

    Args:
        session: its session's number.
        name: its path in the artifacts, with forward slashes.
        path: where it is.
        bytes, sha256: as the manifest has them.
        is_model: whether it was found sound as a checkpoint, a best model or a final model.
        needed_by: the models that it is a part of.
    """

    session: str
    name: str
    path: Path
    bytes: int
    sha256: str
    is_model: bool
    needed_by: tuple[str, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether a session may go on from it."""
        return self.is_model or bool(self.needed_by)


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a file."""

    file: StoredFile
    problem: str


@dataclass
class Share:
    """How much of a store was read back."""

    files: int = 0
    bytes: int = 0
    all_files: int = 0
    all_bytes: int = 0

    @property
    def is_all(self) -> bool:
        """Whether nothing was left out."""
        return self.files == self.all_files


@dataclass
class Reading:
    """Reads files back until a time is over, in a random order where there is one.

    Args:
        seconds: how long; None for all of them.
        inspects: whether the structure of models is looked at too, which their digests have borne out before.
        jobs_left: how many jobs share the time that is left.
        clock: what counts them.
        order: in which they come.
    """

    seconds: float | None = None
    inspects: bool = True
    jobs_left: int = 1
    clock: Callable[[], float] = time.monotonic
    order: random.Random = field(default_factory=random.SystemRandom)
    share: Share = field(default_factory=Share)
    read: set[Path] = field(default_factory=set)
    _ends: float | None = None

    def flaws(self, job: str, stored: Iterable[StoredFile]) -> list[Flaw]:
        """What is wrong with the files of a job; one that is gone or cut off is found without reading it."""
        found, readable = [], []
        for each in stored:
            if (problem := _at_a_look(each)) is not None:
                found.append(Flaw(each, problem))
            else:
                readable.append(each)
        ends = None
        if self.seconds is not None:
            now = self.clock()
            self._ends = now + self.seconds if self._ends is None else self._ends
            ends = now + (self._ends - now) / max(1, self.jobs_left)
            self.jobs_left -= 1
            self.order.shuffle(readable)
        self.share.all_files += len(readable)
        self.share.all_bytes += sum(each.bytes for each in readable)
        for each in readable:
            if ends is not None and self.clock() >= ends:
                break
            self.share.files += 1
            self.share.bytes += each.bytes
            self.read.add(each.path)
            if (problem := _read_back(each, job, inspects=self.inspects)) is not None:
                found.append(Flaw(each, problem))
        return found


def stored_files(documents: SessionDocuments, job: str) -> list[StoredFile]:
    """The files of a session that was judged, but for the models that were refused then."""
    if documents.manifest is None or not documents.was_judged:
        return []
    sound = documents.sound
    judged = documents.report is not None
    needed: dict[str, list[str]] = {}
    for name, judgement in sound.items():
        replay = judgement.record.replay if judgement.record is not None else None
        for segment in replay.segments if replay is not None else ():
            needed.setdefault(segment_place(segment.sha256), []).append(name)
    return [
        _stored(documents, name, entry, name in sound, needed.get(name, ()))
        for name, entry in documents.manifest.files.items()
        if name not in documents.removed
        and (name in sound or name in needed or not (judged and _may_be_refused(name, job)))
    ]


def final_name(job: str) -> str:
    """The name of the model at a job's goal, in the artifacts."""
    return Artifacts(Path(), job).final_model.name


def segment_place(sha256: str) -> str:
    """The name of a replay segment in the artifacts."""
    return f"{CHECKPOINTS_FOLDER}/{REPLAY_FOLDER}/{segment_name(sha256)}"


def _may_be_refused(name: str, job: str) -> bool:
    """Whether a file is a model or a part of one, and nothing else is to be expected of it where it is not sound."""
    folder, _, file = name.rpartition("/")
    is_checkpoint = folder == CHECKPOINTS_FOLDER and timesteps_in_name(file, job) is not None
    return is_checkpoint or file.endswith(".segment") or name in (final_name(job), BEST_MODEL)


def _stored(
    documents: SessionDocuments, name: str, entry: Listed, is_model: bool, needed_by: Sequence[str]
) -> StoredFile:
    path = documents.folder.artifacts / name
    judged = documents.sound[name].entry if is_model else None  # a manifest that says otherwise is what is wrong
    size, sha256 = (judged.bytes, judged.sha256) if judged is not None else (entry.bytes, entry.sha256)
    return StoredFile(documents.number, name, path, size, sha256, is_model, tuple(needed_by))


def _at_a_look(stored: StoredFile) -> str | None:
    try:
        size = stored.path.stat().st_size
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if size != stored.bytes:
        guess = ": it is cut off" if size < stored.bytes else ""
        return f"has {size:,} bytes, expected {stored.bytes:,}{guess}"
    return None


def _read_back(stored: StoredFile, job: str, *, inspects: bool) -> str | None:
    if stored.is_model and inspects:
        try:
            inspect_checkpoint(
                stored.path,
                job=job,
                expected=FileEntry(bytes=stored.bytes, sha256=stored.sha256),
                max_bytes=_LARGEST_CHECKPOINT,
            )
        except CheckpointError as error:
            return error.problem
        return None
    try:
        is_same = files.sha256_of_file(stored.path) == stored.sha256
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None if is_same else "has another sha256 than when it came"


def damaged_models(flaws: Iterable[Flaw]) -> dict[tuple[str, str], str]:
    """The models that cannot be relied on, by session and name, each with what is wrong with it or a part of it."""
    found: dict[tuple[str, str], str] = {}
    for flaw in flaws:
        if flaw.file.is_model:
            found[flaw.file.session, flaw.file.name] = flaw.problem
        for name in flaw.file.needed_by:
            part = files.short(flaw.file.path.stem)
            found.setdefault((flaw.file.session, name), f"its replay segment {part}… {flaw.problem}")
    return found


def strangers(documents: SessionDocuments, job: str) -> list[Path]:
    """Files with the name of a checkpoint that did not come with a session's others."""
    if documents.manifest is None:
        return []
    folder = documents.folder.artifacts
    return [
        path
        for path in sorted((folder / CHECKPOINTS_FOLDER).glob("*.zip"))
        if timesteps_in_name(path.name, job) is not None
        and path.relative_to(folder).as_posix() not in documents.manifest.files
    ]
