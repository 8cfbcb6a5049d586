"""The five stages of a live session, with what each needs taken from the workspace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from contract.documents.runs import Execution, Package, Parent, Request, Restored
from runner.backends.base import Origin, Output
from runner.backends.opened import opened
from runner.curve.showing import bring_up_to_date
from runner.display import Display
from runner.lineage import Phase, SessionState
from runner.packages.carrying import as_payload
from runner.planning.changes import changed_code, sources_changed
from runner.preflight.verdict import judge
from runner.stages import download as downloading
from runner.stages import execute as executing
from runner.stages import package as packaging
from runner.stages.fit_probe import refuse_misfit
from runner.stages.parent import choose_parent

if TYPE_CHECKING:
    from runner.stages.parent import ParentFiles
    from runner.workspace import LiveSession, Workspace


def package(workspace: Workspace, live: LiveSession) -> None:
    """Put everything that the session needs into one sealed folder.

    Raises:
        CheckpointError: no checkpoint of the parent is intact.
        IncompatibleError: the parent's checkpoint does not fit the job.
        InputError: no session of the job could train where it is to run.
    """
    if live.folder.package_json.exists():
        return
    live = workspace.locked(live)
    wanted = live.plan.wanted
    parent = _choose_parent(workspace, live)
    made_by = SessionState(workspace.runs.session(live.plan.job, int(parent.session))) if parent else None
    change_of_code = changed_code(made_by, wanted)
    request = Request(
        job=live.plan.job,
        lineage=live.plan.lineage.generation,
        session=live.folder.number,
        profile=wanted.profile,
        goal=wanted.goal,
        parent=Parent(session=parent.session, timesteps=parent.timesteps, sha256=parent.sha256) if parent else None,
        sources_changed=sources_changed(made_by, wanted),
        changes=(change_of_code,) if change_of_code else (),
    )
    verdict = judge(workspace, live.plan)
    if verdict.trial is None:
        request = msgspec.structs.replace(request, untried="; ".join(verdict.notes))
    with _display(live) as display:
        for note in verdict.said:
            display.say(note)
    if made_by is not None and verdict.trial is not None:
        refuse_misfit(wanted.job, request, made_by, verdict.trial)
    with opened(wanted.job["backend"], workspace.runs, workspace.backends) as backend:
        provisions = backend.provisions(
            verdict.settled.job, Origin(parent.size, _output(live, made_by)) if parent else None
        )
    if wheels := workspace.wheels(live.plan):
        provisions = replace(provisions, payload={**provisions.payload, **as_payload(wheels)})
    packaging.package(
        live.folder,
        job=wanted.job,
        request=request,
        sources=workspace.sources(live.plan),
        inputs=wanted.inputs,
        parent=parent,
        provisions=provisions,
    )


def execute(workspace: Workspace, live: LiveSession) -> None:
    """Run the packaged session on its backend, or attach to it.

    Raises:
        UnderWayError: it has not ended, and the workspace does not wait.
    """
    name = Package.read(live.folder.package_json).job["backend"]
    is_watched = workspace.backends is not None
    with (
        opened(name, workspace.runs, workspace.backends) as backend,
        _display(live, is_one_of_many=is_watched) as display,
    ):
        executing.execute(live.folder, backend, display, waits=workspace.follows, is_watched=is_watched)


def download(workspace: Workspace, live: LiveSession) -> None:
    """Bring what the session left to this machine, whole."""
    name = Execution.read(live.folder.execution_json).backend
    with opened(name, workspace.runs, workspace.backends) as backend:
        downloading.download(live.folder, backend)


def validate(_workspace: Workspace, live: LiveSession) -> None:
    """Judge the artifacts one by one, without running anything that is in them."""
    from runner.stages.validate import validate as judge  # noqa: PLC0415 - it imports pydantic

    packaged = [each for each in live.plan.lineage.sessions if each.folder.package_json.exists()]
    known_keys = frozenset(each.package.key for each in packaged)
    judge(live.folder, job=live.plan.job, rules=live.plan.wanted.rules, known_keys=known_keys)


def restore(workspace: Workspace, live: LiveSession) -> None:
    """Adopt what is sound as the parent of the next session."""
    from runner.stages.restore import restore as adopt  # noqa: PLC0415 - it imports pydantic

    inherited = Restored.read(live.parent.restored_json) if live.parent else None
    lines = adopt(live.folder, job_folder=workspace.runs.job(live.plan.job), inherited=inherited)
    with _display(live) as display:
        for line in lines:
            display.checkpoint_line(line)
    bring_up_to_date(workspace.runs, live.plan.job)


def _display(live: LiveSession, *, is_one_of_many: bool = False) -> Display:
    return Display(live.plan.job, live.folder.number, is_one_of_many=is_one_of_many)


def _choose_parent(workspace: Workspace, live: LiveSession) -> ParentFiles | None:
    if live.parent is None:
        return None
    restored = Restored.read(live.parent.restored_json)
    with _display(live) as display:
        return choose_parent(restored, workspace.runs.job(live.plan.job), display)


def _output(live: LiveSession, made_by: SessionState | None) -> Output | None:
    """What the session that made the parent left where it ran."""
    if made_by is None or made_by.phase < Phase.EXECUTED:
        return None
    execution = made_by.execution
    is_latest = made_by.number == int(live.folder.number) - 1
    return Output(execution.backend, execution.handle, execution.state, is_latest)
