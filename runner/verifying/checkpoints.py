"""Every model that a session left: its digest, its structure, and that it loads, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.make import target
from contract.storage.files import human_bytes
from runner.verifying.findings import Finding, Kind, Level
from runner.verifying.store import damaged_models, final_name, stored_files, strangers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.layout import RunsFolder
    from runner.verifying.loading import Loading
    from runner.verifying.sessions import SessionDocuments
    from runner.verifying.store import Flaw, Reading, Share, StoredFile

_KIND = Kind.CHECKPOINTS


def check_checkpoints(
    runs: RunsFolder, job: str, sessions: Sequence[SessionDocuments], reading: Reading, loading: Loading
) -> Iterator[Finding]:
    """What is found of the files of a job's sessions.

    Args:
        runs: where they are.
        job: the job.
        sessions: its sessions.
        reading: reads them back, as long as there is time.
        loading: loads the models among them.
    """
    stored = [each for documents in sessions for each in stored_files(documents, job)]
    if not any(each.is_model for each in stored):
        yield Finding(_KIND, Level.SKIPPED, f"{job}: checkpoints", "no session of it has left one that was adopted")
        return
    flaws = reading.flaws(job, stored)
    bad = damaged_models(flaws)
    command = f"doit repair:{job}"
    for (session, name), problem in sorted(bad.items()):
        what = f"{job}: {session}/artifacts/{name}: {problem}"
        if name == final_name(job):
            yield Finding(
                _KIND, Level.WARNING, what, "it was the model at the goal; no session goes on from it", command
            )
        else:
            yield Finding(_KIND, Level.ISSUE, what, "no session can go on from it", command)
    yield from (_beside(job, flaw, command) for flaw in flaws if not flaw.file.matters)
    for documents in sessions:
        for path in strangers(documents, job):
            what = f"{job}: {documents.number}/artifacts/{path.relative_to(documents.folder.artifacts).as_posix()}"
            yield Finding(_KIND, Level.WARNING, f"{what}: was added afterwards", "nothing goes on from it", command)
    intact = [each for each in stored if each.is_model and (each.session, each.name) not in bad]
    yield from _intact(job, intact, reading)
    yield from _loaded(runs, job, intact, reading, loading)
    archived = len(runs.archived(job))
    if archived:
        yield Finding(_KIND, Level.SKIPPED, f"{job}: {archived} archived lineage(s)", "nothing goes on from them")


def _beside(job: str, flaw: Flaw, command: str) -> Finding:
    what = f"{job}: {flaw.file.session}/artifacts/{flaw.file.name}: {flaw.problem}"
    return Finding(_KIND, Level.WARNING, what, "no session goes on from it, and the manifest says otherwise", command)


def _intact(job: str, intact: list[StoredFile], reading: Reading) -> Iterator[Finding]:
    read = [each for each in intact if each.path in reading.read]
    if read:
        yield Finding(_KIND, Level.SUCCESS, f"{job}: {len(read)} file(s) are as they were adopted, to the last byte")
    if len(read) < len(intact):
        what = f"{job}: {len(intact) - len(read)} of {len(intact)} model(s) were not read back"
        yield Finding(_KIND, Level.SKIPPED, what, "the budget was used up; each is there, and as long as it was")


def _loaded(
    runs: RunsFolder, job: str, intact: list[StoredFile], reading: Reading, loading: Loading
) -> Iterator[Finding]:
    """Only what was read back and found sound is loaded: loading unpickles."""
    read = [each for each in intact if each.path in reading.read]
    answers = loading.load(runs.root, [each.path for each in read])
    well = 0
    for each, answer in zip(read, answers, strict=True):
        what = f"{job}: {each.session}/artifacts/{each.name}"
        if answer.is_well:
            well += 1
        elif answer.is_elsewhere:
            yield Finding(_KIND, Level.SKIPPED, f"{what}: was not loaded", answer.problem)
        else:
            again = f"doit verify:{job}"
            yield Finding(
                _KIND, Level.ISSUE, f"{what}: does not load", answer.problem, f"{target('setup')}, then {again}"
            )
    if well:
        yield Finding(_KIND, Level.SUCCESS, f"{job}: {well} model(s) load in a process of their own")


def told_share(share: Share) -> Finding | None:
    """Which share of the store was read, where that was not all of it."""
    if share.is_all:
        return None
    percent = 100 * share.bytes / share.all_bytes if share.all_bytes else 100.0
    of_all = (
        f"{share.files:,} of {share.all_files:,} files, {human_bytes(share.bytes)} of {human_bytes(share.all_bytes)}"
    )
    reason = "the budget was used up; another run reads another share"
    return Finding(_KIND, Level.SKIPPED, f"read back at random {of_all} ({percent:.0f} %)", reason)
