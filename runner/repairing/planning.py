"""What is to be done to a job's sessions so that its newest sound checkpoint is what the next one goes on from.

All is computed before anything is touched, oldest session first, as the stages would: what is sound is adopted, behind
it what the session before had. So it is known before what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from contract.documents.runs import Manifest, Restored, Rules
from contract.documents.session import FileEntry
from contract.errors import CheckpointError
from contract.storage import files
from contract.storage.layout import Artifacts
from restore import adoption
from restore.validation import Expectations, validate
from runner.repairing.copies import find_copies
from runner.repairing.documents import BeyondRepairError, made_again
from runner.verifying.folders import from_the_future, leftovers
from runner.verifying.lineages import missing_numbers
from runner.verifying.sessions import GAPS_FILE, KnownGaps, known_gaps, list_documents
from runner.verifying.store import Reading, damaged_models, stored_files, strangers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from contract.documents.runs import CheckpointReference
    from restore.validation import Report
    from runner.layout import RunsFolder
    from runner.repairing.copies import Found
    from runner.verifying.sessions import SessionDocuments
    from runner.verifying.store import Flaw

_MOST = 1 << 50


@dataclass(frozen=True)
class Repair:
    """What is to be done to a job.

    Args:
        job: its name.
        found: files that are put back as they were, since their content is still there.
        aside: what is moved out of the way, each with why.
        documents: what is written, each with why.
        touched: documents of which the time is wrong.
        before, after: timesteps from which a session would go on; `before` is None where nothing tells.
    """

    job: str
    found: tuple[Found, ...] = ()
    aside: tuple[tuple[Path, str], ...] = ()
    documents: tuple[tuple[Path, bytes], ...] = ()
    touched: tuple[Path, ...] = ()
    before: int | None = None
    after: int | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to be done."""
        return bool(self.found or self.aside or self.documents or self.touched)

    @property
    def cost(self) -> int:
        """Timesteps that will be trained again."""
        return max(0, (self.before or 0) - (self.after or 0))


def plan_repair(runs: RunsFolder, job: str, now: float) -> Repair:
    """What is to be done to `job`; reads all that its sessions left, and changes nothing.

    Raises:
        CheckpointError: nothing sound is left to go on from.
    """
    sessions = list_documents(runs, job)
    aside = [(each.path, each.what) for each in leftovers(runs, job)]
    whole: list[SessionDocuments] = []
    documents: dict[Path, bytes] = {}
    for each in sessions:
        try:
            session, made = made_again(each, job)
        except BeyondRepairError as error:
            aside.append((each.folder.path, error.problem))
            continue
        whole.append(session)
        documents |= made
    flaws = Reading(inspects=False).flaws(job, [each for session in whole for each in stored_files(session, job)])
    if found := find_copies(whole, flaws, job):
        return Repair(job, found=found, documents=_changed(documents))
    aside += [(path, "came later than its session") for each in whole for path in strangers(each, job)]
    aside += [(flaw.file.path, flaw.problem) for flaw in flaws if flaw.file.matters and flaw.file.path.exists()]
    documents |= _lists(whole, flaws)
    adopted = _Adopting(runs, job, whole, damaged_models(flaws)).adopt()
    documents |= adopted.documents
    known = known_gaps(runs, job)
    if gone := [f"{each:04d}" for each in missing_numbers(runs, job, whole)]:
        document = KnownGaps(sessions=tuple(sorted({*known, *gone})))
        documents[runs.job(job) / GAPS_FILE] = files.readable_json(msgspec.to_builtins(document))
    before, after = _before(sessions), adopted.reached
    if before and after is None:
        problem = "no checkpoint of any session is sound any more, and a run never starts at zero by itself"
        remedy = f"bring the files back from a backup, or run `doit fresh:{job}` to start anew"
        raise CheckpointError(f"job {job}", problem, remedy)
    future = tuple(from_the_future(runs, job, now))
    return Repair(job, (), tuple(dict.fromkeys(aside)), _changed(documents), future, before, after)


def _changed(documents: Mapping[Path, bytes]) -> tuple[tuple[Path, bytes], ...]:
    """Those documents that are not there as they should be."""
    return tuple((path, content) for path, content in documents.items() if not _holds(path, content))


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _before(sessions: Sequence[SessionDocuments]) -> int | None:
    """Where the job stood, as its newest readable session says, or as what came back of it is called."""
    for session in reversed(sessions):
        if session.restored is not None:
            return session.restored.checkpoint.timesteps if session.restored.checkpoint is not None else None
        if session.report is not None and session.sound:
            return max(each.record.timesteps for each in session.sound.values() if each.record is not None)
    return None


def _lists(sessions: Sequence[SessionDocuments], flaws: Iterable[Flaw]) -> dict[Path, bytes]:
    """Manifests that say what is there of the files from which no session goes on."""
    made = {}
    for session in sessions:
        own = [flaw.file for flaw in flaws if flaw.file.session == session.number and not flaw.file.matters]
        if not own or session.manifest is None or session.report is None:  # what is a model is not known yet
            continue
        listed = dict(session.manifest.files)
        for each in own:
            del listed[each.name]
            if each.path.exists():
                entry = {"bytes": each.path.stat().st_size, "sha256": files.sha256_of_file(each.path)}
                listed[each.name] = msgspec.convert(entry, type(session.manifest.files[each.name]))
        manifest = Manifest(key=session.manifest.key, files=listed)
        made[session.folder.manifest_json] = files.readable_json(msgspec.to_builtins(manifest))
    return made


@dataclass
class _Adopted:
    """What was adopted anew.

    Args:
        documents: reports and what was restored, where they are to change.
        reached: timesteps of what the next session would go on from.
    """

    documents: dict[Path, bytes]
    reached: int | None = None


@dataclass
class _Adopting:
    """Judges what has to be judged again, and adopts, oldest session first.

    Args:
        runs, job: whose sessions.
        sessions: their documents.
        bad: the models that cannot be relied on.
    """

    runs: RunsFolder
    job: str
    sessions: Sequence[SessionDocuments]
    bad: Mapping[tuple[str, str], str]

    def adopt(self) -> _Adopted:
        """The documents that are to change, and what the next session would go on from."""
        adopted = _Adopted({})
        by_number: dict[str, Restored] = {}
        keys = frozenset(each.package.key for each in self.sessions if each.package is not None)
        for session in self.sessions:
            if not session.was_judged or session.manifest is None:
                continue
            report = self._judged(session, keys, adopted.documents)
            restored = self._restored(session, report, by_number)
            by_number[session.number] = restored
            adopted.documents[session.folder.restored_json] = _bytes(restored)
            adopted.reached = restored.checkpoint.timesteps if restored.checkpoint is not None else None
        return adopted

    def _judged(self, session: SessionDocuments, keys: frozenset[str], documents: dict[Path, bytes]) -> Report:
        """The report of a session: what it was, unless it or what it judges is damaged."""
        misfits = {each.path for each in session.misfits}
        is_damaged = any(number == session.number for number, _ in self.bad)
        depends = {session.folder.report_json, session.folder.manifest_json, session.folder.package_json}
        if session.report is not None and not is_damaged and not misfits & depends:
            return session.report
        manifest = session.manifest
        assert manifest is not None  # noqa: S101 - the caller has looked
        rules = self._rules(session)
        report = validate(
            Artifacts(session.folder.artifacts, self.job),
            Expectations(
                key=manifest.key,
                known_keys=keys,
                listed={name: FileEntry(bytes=each.bytes, sha256=each.sha256) for name, each in manifest.files.items()},
                max_checkpoint_bytes=int(rules.job.get("max_checkpoint_bytes", _MOST)),
                max_replay_bytes=int(rules.job.get("max_replay_bytes", _MOST)),
                max_artifact_files=int(rules.job.get("max_artifact_files", _MOST)),
                rules=msgspec.to_builtins(rules),
            ),
        )
        documents[session.folder.report_json] = files.readable_json(report.model_dump(mode="json"))
        return report

    def _rules(self, session: SessionDocuments) -> Rules:
        """By which it was judged; where nothing tells, what its job allows."""
        if session.restored is not None:
            return session.restored.rules
        if session.report is not None:
            return msgspec.convert(session.report.rules, Rules)
        return Rules(job=dict(session.package.job.get("validation", {}))) if session.package is not None else Rules()

    def _restored(self, session: SessionDocuments, report: Report, earlier: Mapping[str, Restored]) -> Restored:
        """What is adopted of a session, behind which stands what its parent has handed on."""
        relative = session.folder.artifacts.relative_to(self.runs.job(self.job)).as_posix()
        parent = session.request.parent if session.request is not None else None
        inherited = None
        if parent is not None:
            inherited = earlier[parent.session] if parent.session in earlier else self._handed_on(session)
        made = adoption.adopt(report, session=session.number, artifacts_folder=relative, inherited=inherited).document
        old = session.restored
        is_misfit = any(each.path == session.folder.restored_json for each in session.misfits)
        return old if old is not None and not is_misfit and _same(old, made) else made

    def _handed_on(self, session: SessionDocuments) -> Restored | None:
        """What the sessions before have handed on to one whose parent is gone, as far as it is still there."""
        old = session.restored
        if old is None:
            return None
        left = [each for each in old.candidates if each.session != session.number and self._is_there(each)]
        best = old.best_model
        if best is not None and not (best.session != session.number and self._is_there(best)):
            best = None
        return msgspec.structs.replace(
            old, checkpoint=left[0] if left else None, fallbacks=tuple(left[1:]), best_model=best
        )

    def _is_there(self, reference: CheckpointReference) -> bool:
        is_kept = any(each.number == reference.session for each in self.sessions)
        return is_kept and adoption.problem_with(reference, self.runs.job(self.job)) is None


def _same(one: Restored, other: Restored) -> bool:
    """Whether two documents adopt the same files; what only words differ in stays as it was written."""
    return _files(one) == _files(other)


def _files(restored: Restored) -> tuple[tuple[str, str] | None, ...]:
    best = restored.best_model
    every = [(each.file, each.sha256) for each in restored.candidates]
    return (*every, (best.file, best.sha256) if best is not None else None)


def _bytes(restored: Restored) -> bytes:
    return files.readable_json(msgspec.to_builtins(restored))
