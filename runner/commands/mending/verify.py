"""`doit verify`: whether all that a run stands on is as it should be; what to type where it is not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from doit import get_var

from contract.errors import InputError
from job.notation import parse_duration
from runner.commands.saying import AlreadySaidError
from runner.steering.answers import answer, wants_json
from runner.verifying.findings import Finding, Kind, Level, verdict
from runner.verifying.loading import OwnProcess
from runner.verifying.rendering import Page, as_answer
from runner.verifying.sessions import list_documents
from runner.verifying.store import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.verifying.findings import Verdict
    from runner.verifying.loading import Loading
    from runner.workspace import Workspace


def verify(workspace: Workspace, jobs: list[str]) -> None:
    """Show what is found of the project and of `jobs`.

    Raises:
        InputError: the command line sets something that is no choice.
        RelayError: there is an issue, which was shown.
    """
    kinds, seconds, told_as_json = chosen_kinds(), _budget(), wants_json()
    page = None if told_as_json else Page()
    checks = all_checks(workspace, jobs, Reading(seconds), OwnProcess())
    found: list[Finding] = []
    for kind in kinds:
        if page is not None:
            page.title(kind)
        for finding in checks[kind]():
            if finding in found:
                continue
            found.append(finding)
            if page is not None:
                page.finding(finding.level, finding.what, finding.reason, finding.next_command)
    result = verdict(found, kinds)
    _show(result, page)
    if not result.is_verified:
        raise AlreadySaidError("doit verify", f"{result.count(Level.ISSUE)} issue(s), said above")


def _show(result: Verdict, page: Page | None) -> None:
    if page is not None:
        page.summary(result)
    else:
        answer(as_answer(result))


def all_checks(
    workspace: Workspace, jobs: list[str], reading: Reading, loading: Loading
) -> dict[Kind, Callable[[], Iterator[Finding]]]:
    """The checks of each kind, in their order, each of which looks when it is asked."""
    from runner.verifying.checkpoints import check_checkpoints, told_share  # noqa: PLC0415 - they import pydantic
    from runner.verifying.folders import check_folders  # noqa: PLC0415 - likewise
    from runner.verifying.installation import check_installation  # noqa: PLC0415 - likewise
    from runner.verifying.lineages import check_jobs_file, check_lineage  # noqa: PLC0415 - likewise

    runs = workspace.runs

    def checkpoints() -> Iterator[Finding]:
        reading.jobs_left = len(jobs)
        for job in jobs:
            yield from check_checkpoints(runs, job, list_documents(runs, job), reading, loading)
        if (share := told_share(reading.share)) is not None:
            yield share

    def lineages() -> Iterator[Finding]:
        yield from check_jobs_file(workspace)
        for job in jobs:
            yield from check_lineage(runs, job, list_documents(runs, job))

    def resuming() -> Iterator[Finding]:
        from runner.verifying.resuming import prove_resuming  # noqa: PLC0415 - it runs sessions

        yield from prove_resuming()

    def backends() -> Iterator[Finding]:
        from runner.verifying.backends import check_backends  # noqa: PLC0415 - it opens them

        yield from check_backends(workspace, jobs)

    return {
        Kind.INSTALLATION: lambda: check_installation(loading),
        Kind.FOLDERS: lambda: check_folders(runs, jobs),
        Kind.CHECKPOINTS: checkpoints,
        Kind.LINEAGES: lineages,
        Kind.RESUMING: resuming,
        Kind.BACKENDS: backends,
    }


def chosen_kinds() -> list[Kind]:
    """The kinds of checks that the command line asks for: all, where it names none.

    Raises:
        InputError: it names one that there is not.
    """
    named = get_var("only")
    if named is None:
        return [*Kind]
    known = {each.value: each for each in Kind}
    words = [each.strip() for each in str(named).split(",")]
    for word in words:
        if word not in known:
            raise InputError("variable only", f"{word!r} is not a kind of check", f"known: {', '.join(known)}")
    return [kind for kind in Kind if kind.value in words]


def _budget() -> float | None:
    """How many seconds may be spent on reading back what sessions left.

    Raises:
        InputError: it is no duration.
    """
    stated = get_var("budget")
    if stated is None:
        return None
    seconds: float | None = None
    with contextlib.suppress(ValueError):
        seconds = parse_duration(float(stated) if str(stated).replace(".", "", 1).isdecimal() else stated)
    if seconds is None:
        raise InputError("variable budget", f"is {stated!r}", "write a duration, such as budget=5m or budget=90s")
    return seconds
