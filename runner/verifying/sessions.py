"""The documents of a session as far as they can be read, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from contract.documents.removed import Removed
from contract.documents.runs import Execution, Ledger, Manifest, Package, Request, Restored
from contract.documents.typed_json import Document
from contract.errors import RelayError
from contract.storage import files
from contract.storage.files import short

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from restore.validation import Finding as Judgement
    from restore.validation import Report
    from runner.layout import RunsFolder, SessionFolder

D = TypeVar("D", bound=Document)
GAPS_FILE = "known_gaps.json"


class KnownGaps(Document, frozen=True, kw_only=True):
    """Sessions of a job that are gone, which its owner knows (`runs/<job>/known_gaps.json`)."""

    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A document that cannot be relied on, and why."""

    path: Path
    problem: str


@dataclass(frozen=True)
class SessionDocuments:
    """What a session's folder tells.

    Args:
        folder: the session.
        request, package, ledger, execution, manifest, report, restored: None where it is not there or not readable.
        misfits: what is wrong with them.
        removed: the files of its artifacts that `doit gc` took away, by their path there.
    """

    folder: SessionFolder
    request: Request | None
    package: Package | None
    ledger: Ledger | None
    execution: Execution | None
    manifest: Manifest | None
    report: Report | None
    restored: Restored | None
    misfits: tuple[Misfit, ...]
    removed: frozenset[str] = frozenset()

    @property
    def number(self) -> str:
        """`0001` and so on."""
        return self.folder.number

    @property
    def was_judged(self) -> bool:
        """Whether what it left was judged, and is all here."""
        return self.folder.restored_json.exists() or self.folder.report_json.exists()

    @property
    def sound(self) -> dict[str, Judgement]:
        """The verdicts on the models that were found sound, by the file's name."""
        if self.report is None:
            return {}
        every = (*self.report.checkpoints, self.report.best_model, self.report.final_model)
        return {each.file: each for each in every if each is not None and each.verdict == "sound"}


def list_documents(runs: RunsFolder, job: str) -> list[SessionDocuments]:
    """The documents of each session of a job, oldest first."""
    return [read_documents(folder) for folder in runs.sessions(job)]


def known_gaps(runs: RunsFolder, job: str) -> frozenset[str]:
    """The sessions that are known to be gone; a list that cannot be read tells of none."""
    try:
        known = KnownGaps.read_if_there(runs.job(job) / GAPS_FILE)
    except RelayError:
        return frozenset()
    return frozenset(known.sessions if known is not None else ())


def read_documents(folder: SessionFolder) -> SessionDocuments:
    """Read what a session's folder tells."""
    misfits: list[Misfit] = []
    # What a stage wrote last says that all before it is there.
    written = (folder.request, folder.package_json, folder.ledger_json, folder.execution_json, folder.manifest_json)
    order = (*written, folder.report_json, folder.restored_json)
    latest = max((at for at, path in enumerate(order) if path.exists()), default=-1)
    misfits += [
        Misfit(path=path, problem=f"is missing, and {order[latest].name} is there")
        for path in order[: latest + 1]
        if not path.exists()
    ]

    def read(path: Path, kind: type[D]) -> D | None:
        try:
            return kind.read_if_there(path)
        except RelayError as error:
            misfits.append(Misfit(path=path, problem=error.problem))
            return None

    documents = SessionDocuments(
        folder,
        read(folder.request, Request),
        read(folder.package_json, Package),
        read(folder.ledger_json, Ledger),
        read(folder.execution_json, Execution),
        read(folder.manifest_json, Manifest),
        _report(folder, misfits),
        read(folder.restored_json, Restored),
        (),
        _removed(read(folder.removed_json, Removed)),
    )
    bad = {each.path for each in misfits}
    misfits += [each for each in _disagreements(documents) if each.path not in bad]
    return SessionDocuments(**{**vars(documents), "misfits": tuple(misfits)})


def _removed(record: Removed | None) -> frozenset[str]:
    artifacts = "artifacts/"
    return (
        frozenset(each.removeprefix(artifacts) for each in record.files if each.startswith(artifacts))
        if record
        else frozenset()
    )


def _report(folder: SessionFolder, misfits: list[Misfit]) -> Report | None:
    if not folder.report_json.exists():
        return None
    from restore.validation import Report  # noqa: PLC0415 - it imports pydantic

    try:
        return Report.model_validate(files.read_json(folder.report_json))
    except (OSError, ValueError, RecursionError) as error:
        first = " ".join(str(error).split())[:120]
        misfits.append(Misfit(path=folder.report_json, problem=f"cannot be read: {first}"))
        return None


def _disagreements(documents: SessionDocuments) -> Iterator[Misfit]:
    """Documents that are of another session, or do not agree with those before them."""
    folder, package = documents.folder, documents.package
    if documents.request is not None and documents.request.session != folder.number:
        yield Misfit(path=folder.request, problem=f"is of session {documents.request.session}")
    if documents.request is not None and documents.request.job != folder.path.parent.name:
        yield Misfit(path=folder.request, problem=f"is of job {documents.request.job}")
    if package is None:
        return
    if package.files and files.sha256_of_value({name: _plain(each) for name, each in package.files.items()}) != (
        package.key
    ):
        yield Misfit(path=folder.package_json, problem="lists other files than its key covers")
    later = (
        (folder.ledger_json, documents.ledger),
        (folder.execution_json, documents.execution),
        (folder.manifest_json, documents.manifest),
        (folder.report_json, documents.report),
        (folder.restored_json, documents.restored),
    )
    for path, document in later:
        if document is not None and document.key != package.key:
            yield Misfit(path=path, problem=f"is of another session (key {short(document.key)})")
    yield from _listed_otherwise(documents)


def _plain(entry: object) -> dict[str, object]:
    return {"bytes": getattr(entry, "bytes", 0), "sha256": getattr(entry, "sha256", "")}


def _listed_otherwise(documents: SessionDocuments) -> Iterator[Misfit]:
    """A manifest that states another digest of a model than what was judged and adopted."""
    if documents.manifest is None or documents.report is None:
        return
    for name, judgement in documents.sound.items():
        listed, judged = documents.manifest.files.get(name), judgement.entry
        if judged is None:
            continue
        if listed is None:
            yield Misfit(path=documents.folder.manifest_json, problem=f"does not list {name}, which was judged")
            return
        if listed.sha256 != judged.sha256:
            problem = f"states another sha256 of {name} than what was judged"
            yield Misfit(path=documents.folder.manifest_json, problem=problem)
            return
