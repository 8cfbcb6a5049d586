"""The five stages of a session, from the files before to the files after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract import files
from contract.errors import CheckpointError, IncompatibleError, RelayError
from contract.identity import training_inputs
from contract.layout import Artifacts
from restore import adoption
from restore.compatibility import compare
from runner.backends.kaggle.metadata import LACKING
from runner.backends.registry import open_backend
from runner.decide import Refuse, sources_changed
from runner.display import Display
from runner.lineage import FORMAT, Phase, SessionState, read_document
from runner.stages import download as downloading
from runner.stages import execute as executing
from runner.stages import package as packaging
from runner.wheels import bundle_of

if TYPE_CHECKING:
    from runner.workspace import LiveSession, Workspace


def package(workspace: Workspace, live: LiveSession) -> None:
    """Put everything that the session needs into one sealed folder.

    Raises:
        CheckpointError: no checkpoint of the parent is intact.
        IncompatibleError: the parent's checkpoint does not fit the job.
    """
    if live.folder.package_json.exists():
        return
    wanted = live.plan.wanted
    parent = _choose_parent(workspace, live)
    made_by = SessionState(workspace.runs.session(live.plan.job, int(parent.session))) if parent else None
    request = {
        "format": FORMAT,
        "job": live.plan.job,
        "lineage": live.plan.lineage.generation,
        "session": live.folder.number,
        "profile": wanted.profile,
        "goal": wanted.goal,
        "parent": {"session": parent.session, "timesteps": parent.timesteps, "sha256": parent.sha256}
        if parent
        else None,
        "sources_changed": sources_changed(made_by, wanted),
    }
    if made_by is not None:
        _refuse_what_does_not_fit(workspace, live, request, made_by)
    packaging.make_package(
        live.folder,
        job=wanted.job,
        request=request,
        sources=workspace.sources(live.plan),
        inputs=wanted.inputs(),
        parent=parent,
        bundles=dict(map(bundle_of, LACKING)) if wanted.job["backend"] == "kaggle" else None,
    )


def execute(workspace: Workspace, live: LiveSession) -> None:
    """Run the packaged session on its backend, or attach to it."""
    package_document = read_document(live.folder.package_json)
    backend = open_backend(package_document["job"]["backend"], workspace.runs)
    with _display(live) as display:
        executing.execute(live.folder, package_document["key"], backend, display)


def download(workspace: Workspace, live: LiveSession) -> None:
    """Bring what the session left to this machine, whole."""
    backend = open_backend(read_document(live.folder.execution_json)["backend"], workspace.runs)
    downloading.download(live.folder, backend)


def validate(_workspace: Workspace, live: LiveSession) -> None:
    """Judge the artifacts one by one, without running anything that is in them."""
    from contract.records import FileEntry  # noqa: PLC0415 - likewise
    from restore.validation import Expectations  # noqa: PLC0415 - it imports pydantic
    from restore.validation import validate as judge  # noqa: PLC0415 - likewise

    manifest = read_document(live.folder.manifest_json)
    rules = live.plan.wanted.job["validation"]
    earlier = [each for each in live.plan.lineage.sessions if each.folder.package_json.exists()]
    expected = Expectations(
        key=manifest["key"],
        known_keys=frozenset(each.package["key"] for each in earlier),
        listed={name: FileEntry(**entry) for name, entry in manifest["files"].items()},
        max_checkpoint_bytes=rules["max_checkpoint_bytes"],
        max_replay_bytes=rules["max_replay_bytes"],
        max_artifact_files=rules["max_artifact_files"],
        rules=live.plan.wanted.rules,
    )
    report = judge(Artifacts(live.folder.artifacts, live.plan.job), expected)
    files.write_json(live.folder.report_json, report.model_dump(mode="json"))


def restore(workspace: Workspace, live: LiveSession) -> None:
    """Adopt what is sound as the parent of the next session."""
    from pydantic import ValidationError  # noqa: PLC0415 - a command with nothing to do needs none of it

    from restore.validation import Report  # noqa: PLC0415 - likewise

    try:
        report = Report.model_validate(read_document(live.folder.report_json))
    except ValidationError as error:
        problem = f"is no report ({error.errors()[0]['msg']})"
        raise RelayError(str(live.folder.report_json), problem, "remove it, and run the same command again") from None
    inherited = read_document(live.parent.restored_json) if live.parent else None
    folder = live.folder.artifacts.relative_to(workspace.runs.job(live.plan.job)).as_posix()
    restoration = adoption.adopt(report, session=live.folder.number, artifacts_folder=folder, inherited=inherited)
    with _display(live) as display:
        for line in restoration.lines:
            display.checkpoint_line(line)
    files.write_json(live.folder.restored_json, restoration.document)


def _display(live: LiveSession) -> Display:
    return Display(live.plan.job, live.folder.number)


def _choose_parent(workspace: Workspace, live: LiveSession) -> packaging.ParentFiles | None:
    if live.parent is None:
        return None
    job_folder = workspace.runs.job(live.plan.job)
    restored = read_document(live.parent.restored_json)
    chosen, refused = adoption.first_intact(restored, job_folder)
    with _display(live) as display:
        for reason in refused:
            display.checkpoint_line(f"Refused {reason}")
        if chosen is None:
            gone = f"no checkpoint is intact any more ({'; '.join(refused)})"
            problem = gone if refused else f"session {live.parent.number} has no checkpoint any more to go on from"
            remedy = f"restore the files from a backup, or run `doit fresh:{live.plan.job}` to start anew"
            raise CheckpointError(f"job {live.plan.job}", problem, remedy)
        if refused:
            display.checkpoint_line(f"Going on from {chosen['file']} at {chosen['timesteps']:,} timesteps instead")
    best = restored["best_model"]
    return packaging.ParentFiles(
        session=chosen["session"],
        timesteps=chosen["timesteps"],
        checkpoint=job_folder / chosen["file"],
        sha256=chosen["sha256"],
        best_model=job_folder / best["file"] if best and adoption.problem_with(best, job_folder) is None else None,
        segments=adoption.segments_of(chosen, job_folder),
        output_of=_kaggle_output(workspace, live, chosen["session"]),
    )


def _kaggle_output(workspace: Workspace, live: LiveSession, session: str) -> str | None:
    """The handle of the session whose output Kaggle mounts into the next one: the latest, if it ended well."""
    made_by = SessionState(workspace.runs.session(live.plan.job, int(session)))
    if int(session) != int(live.folder.number) - 1 or made_by.phase < Phase.EXECUTED:
        return None
    execution = made_by.execution
    return execution["handle"] if (execution["backend"], execution["state"]) == ("kaggle", "COMPLETE") else None


def _refuse_what_does_not_fit(
    workspace: Workspace, live: LiveSession, request: dict[str, Any], made_by: SessionState
) -> None:
    """Compare spaces and tensors where the environment or the sources changed; settings were compared in the plan."""
    wanted = live.plan.wanted
    same_env = made_by.package["inputs"]["training"]["env"] == training_inputs(wanted.job)["env"]
    if same_env and not request["sources_changed"]:
        return
    checkpoint = made_by.restored["checkpoint"]
    from runner.stages.fit_probe import probe_model  # noqa: PLC0415 - rarely needed

    described = probe_model(wanted.job, request, workspace.source_folders(wanted.job))
    for change in compare(checkpoint, described).incompatible:
        refusal = Refuse(live.plan.job, made_by.number, change.path, change.before, change.after)
        raise IncompatibleError(f"job {live.plan.job}", refusal.problem, refusal.remedy)
