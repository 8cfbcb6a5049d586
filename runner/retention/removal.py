"""Takes files away that a lineage can do without: first it is written down what goes, then it goes.

A kill at any moment leaves all that stays as it was: nothing that goes is needed by anything that stays. What is
written down and still there goes with the next command.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from contract.documents.removed import Removed, RemovedFile
from contract.storage import files
from contract.storage.files import human_bytes
from restore.adoption import problem_with
from runner.layout import SessionFolder
from runner.lineage import Phase
from runner.planning.decide import Continue, Redo, decide
from runner.planning.wanted import PROFILES
from runner.retention.choice import InUse, stays
from runner.retention.found import Kind, candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from contract.documents.runs import CheckpointReference
    from runner.lineage import Lineage
    from runner.retention.found import Candidate
    from runner.retention.values import Keep
    from runner.workspace import Workspace

_SOUND_ONES = 2
"""Where a run goes on from, and where it would if that were damaged."""


class Sifted(NamedTuple):
    """The files of one lineage that may go.

    Args:
        folder: the lineage's.
        stay: those that stay, by their paths from there, with the reasons.
        go: the others.
    """

    folder: Path
    stay: dict[str, str]
    go: tuple[Candidate, ...]

    @property
    def freed(self) -> int:
        """Bytes that the disk gains: of a file with several names, once the last one goes."""
        names: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for each in self.go:
            with contextlib.suppress(OSError):
                status = (self.folder / each.file).stat()
                found = names[status.st_dev, status.st_ino]
                found[:] = found[0] + 1, status.st_nlink, status.st_size
        return sum(size for planned, there, size in names.values() if planned >= there)

    def in_words(self) -> list[str]:
        """What goes, a line for each kind, and what stays of checkpoints, with the reasons."""
        lines = []
        for kind in Kind:
            going = [each for each in self.go if each.kind is kind]
            if going:
                sessions = sorted({each.session for each in going})
                of = sessions[0] if len(sessions) == 1 else f"{sessions[0]} to {sessions[-1]}"
                size = human_bytes(sum(each.bytes for each in going))
                lines.append(f"goes   {kind}: {len(going)} file(s) of session {of}, {size}")
        lines += [f"stays  {file} ({why})" for file, why in sorted(self.stay.items()) if file.endswith(".zip")]
        return lines


def sift(lineage: Lineage, folder: Path, keep: Keep, in_use: InUse) -> Sifted:
    """What of a lineage stays, and what goes.

    Raises:
        RelayError: a document of it cannot be read, so that nothing of it goes.
    """
    there = candidates(lineage, folder)
    stay = stays(lineage, keep, in_use, there)
    return Sifted(folder, stay, tuple(each for each in there if each.file not in stay))


def in_use_now(workspace: Workspace, lineage: Lineage) -> InUse:
    """What of a job's current lineage somebody goes on from, or would.

    That is what a run, a quick run or a redo would begin from, once whatever runs has ended and was judged.

    Raises:
        RelayError: that cannot be planned, so that nobody knows.
    """
    folder, tip = workspace.runs.job(lineage.job), lineage.tip
    used = in_use_by_itself(lineage, folder)
    origins = set(used.origins)
    if tip is not None:
        settled = replace(lineage, sessions=tuple(each for each in lineage.sessions if each.phase is Phase.RESTORED))
        for profile in PROFILES:
            for redo in (False, True):
                wanted = replace(workspace.wanted(lineage.job, profile, redo=redo), rules=tip.restored.rules)
                decision = decide(wanted, settled)
                if isinstance(decision, Continue | Redo) and decision.parent is not None:
                    origins.add(decision.parent)
    return replace(used, origins=frozenset(origins))


def in_use_by_itself(lineage: Lineage, folder: Path) -> InUse:
    """What a lineage needs whatever its job is now: what sessions under way and the newest one went on from, and more.

    That the newest one went on from something counts where all that it left is judged otherwise later, or lost.
    """
    tip = lineage.tip
    under_way = [each for each in lineage.sessions if Phase.PLANNED < each.phase < Phase.RESTORED]
    begun = [*under_way, *([tip] if tip is not None else [])]
    given = [each.request.parent for each in begun if each.request.parent is not None]
    origins = {int(each.session) for each in given}
    if tip is not None:
        origins.add(tip.number)
        if tip.restored.checkpoint is not None:
            origins.add(int(tip.restored.checkpoint.session))
    return InUse(frozenset(each.sha256 for each in given), frozenset(origins), newest_sound(lineage, folder))


def newest_sound(lineage: Lineage, folder: Path) -> tuple[CheckpointReference, ...]:
    """The newest checkpoints of a lineage whose files are as they were adopted: the first, and the next behind it."""
    tip = lineage.tip
    if tip is None:
        return ()
    checkpoint = tip.restored.checkpoint
    made_by = lineage.session(int(checkpoint.session)) if checkpoint is not None else None
    handed_on = made_by.restored.candidates if made_by is not None and made_by.phase is Phase.RESTORED else ()
    known = {each.file: each for each in (*tip.restored.candidates, *handed_on)}
    found: list[CheckpointReference] = []
    judged: dict[Path, str | None] = {}
    for each in sorted(known.values(), key=lambda each: -each.timesteps):
        if len(found) < _SOUND_ONES and problem_with(each, folder, judged) is None:
            found.append(each)
    return tuple(found)


def remove(sifted: Sifted) -> None:
    """Take away what goes, session by session: written down, then removed."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    by_session: dict[str, list[Candidate]] = defaultdict(list)
    for each in sifted.go:
        by_session[each.session].append(each)
    for number, going in sorted(by_session.items()):
        folder = SessionFolder(sifted.folder / number)
        before = Removed.read_if_there(folder.removed_json) or Removed(files={})
        noted = {each.in_session: _noted(each, at) for each in going}
        Removed(files={**before.files, **noted}).write(folder.removed_json)
        for each in going:
            (sifted.folder / each.file).unlink(missing_ok=True)
        for emptied in _emptied(sifted.folder, going):
            files.fsync_directory(emptied.parent)


def _noted(candidate: Candidate, at: str) -> RemovedFile:
    return RemovedFile(bytes=candidate.bytes, sha256=candidate.sha256, at=at, why=str(candidate.kind))


def _emptied(folder: Path, going: Sequence[Candidate]) -> Iterator[Path]:
    """The folders in which nothing is left, which go too."""
    for parent in sorted({(folder / each.file).parent for each in going}, key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):
            parent.rmdir()
            yield parent
